// Which missing input could change the answer most; the same definitions as riskml.runtime.could_change.

// Percentiles of a number that are tried: only the outer two where the answer is monotone in it.
const SHARES = [0.05, 0.275, 0.5, 0.725, 0.95];

/** For each missing input, the estimates that measuring it could lead to, the most influential first. */
function couldChange(model, variables, known, times) {
  const found = model.inputs
    .filter((name) => !has(known, name))
    .map((name) => {
      const answers = optionsFor(model, variables[name]).map((option) =>
        valueOf(model, { ...known, [name]: option }, times),
      );
      const low = answers[0].map((_, k) => Math.min(...answers.map((answer) => answer[k])));
      const high = answers[0].map((_, k) => Math.max(...answers.map((answer) => answer[k])));
      const spread = Math.max(...high.map((h, k) => h - low[k]));
      const isSingle = model.kind === "binary";
      return { spread, item: { input: name, low: isSingle ? low[0] : low, high: isSingle ? high[0] : high } };
    });
  found.sort((a, b) => b.spread - a.spread || compareText(a.item.input, b.item.input));
  return found.map(({ item }) => item);
}

/** Values that bound what a measurement may bring. */
function optionsFor(model, variable) {
  if (variable.kind === "tristate") return [0, 1];
  if (variable.kind === "category") return variable.levels.map(([level]) => level);
  const { name } = variable,
    column = columnOf(model, name),
    usual = model.usual?.[name];
  const { predictor } = model.members[0];
  if (model.members.length > 1 || predictor.kind !== "linear") {
    const inner = weightedPercentiles(column, model.weights, column, SHARES);
    return usual ? [...usual, ...inner.slice(1, -1)] : inner;
  }
  if (!usual) {
    const ranks = contributions(model, predictor, name, column);
    return weightedPercentiles(ranks, model.weights, column, [SHARES[0], SHARES.at(-1)]);
  }
  const options = [...usual, ...column.filter((x) => usual[0] < x && x < usual[1])];
  const ranks = contributions(model, predictor, name, options);
  const ranked = options.map((option, k) => [ranks[k], option]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return [ranked[0][1], ranked.at(-1)[1]];
}

function weightedPercentiles(ranks, weights, column, shares) {
  const ordered = ranks.map((rank, k) => [rank, weights[k], column[k]]);
  ordered.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  return shares.map((share) => {
    let total = 0;
    return (ordered.find(([, weight]) => (total += weight) >= share) ?? ordered.at(-1))[2];
  });
}
