// Exact Shapley values against the background; the same definitions as riskml.runtime.{explain, tree_games}.

const MAX_INPUTS = 12; // enumeration doubles with every input that matters

/** What some values of one input add to a linear predictor. */
function contributions(model, linear, name, values) {
  const places = model.features.flatMap((f, j) => (f.inputs.includes(name) ? [j] : []));
  return values.map((value) => sum(places.map((j) => linear.coefficients[j] * component(model.features[j], value))));
}

function columnOf(model, name) {
  const place = model.inputs.indexOf(name);
  return model.rows.map((row) => row[place]);
}

/** Known inputs that matter for this patient: one that every prototype shares is a dummy. */
function differing(model, member, known) {
  const { predictor } = member;
  const slopes = (linear) => linear.coefficients.flatMap((slope, j) => (slope ? [j] : []));
  const used = new Set(
    predictor.kind === "trees"
      ? predictor.trees.flatMap((tree) => tree.feature)
      : predictor.kind === "causes"
        ? predictor.linears.flatMap(slopes)
        : slopes(predictor),
  );
  const features = model.features.filter((_, j) => used.has(j));
  return model.inputs.filter(
    (name) =>
      has(known, name) &&
      features.some(
        (f) =>
          f.inputs.includes(name) && columnOf(model, name).some((x) => component(f, x) !== component(f, known[name])),
      ),
  );
}

/** The patient with only those of `names` that are in the subset (bits). */
function coalition(known, names, subset) {
  const kept = { ...known };
  names.forEach((name, i) => {
    if (!((subset >> i) & 1)) delete kept[name];
  });
  return kept;
}

/** Shapley value of each input in the game whose worth for every subset is in the table (Shapley LS, 1953). */
function shapleyOfTable(table, nNames) {
  const weights = [];
  for (let k = 0, ways = 1; k < nNames; k += 1) {
    weights.push(1 / (nNames * ways));
    ways = (ways * (nNames - 1 - k)) / (k + 1);
  }
  const sizes = table.map((_, subset) => bitCount(subset));
  return Array.from({ length: nNames }, (_, i) => {
    let total = 0;
    for (let subset = 0; subset < table.length; subset += 1) {
      if (!((subset >> i) & 1)) total += weights[sizes[subset]] * (table[subset | (1 << i)] - table[subset]);
    }
    return total;
  });
}

function bitCount(bits) {
  let count = 0;
  for (let rest = bits; rest; rest &= rest - 1) count += 1;
  return count;
}

/** v(nothing known) and the Shapley value of each of `names`, one number an answer; null where there is no way. */
function enumerated(model, member, known, names, times) {
  if (names.length > MAX_INPUTS) return productForm(model, member, known, names, times);
  const worths = Array.from({ length: 1 << names.length }, (_, subset) =>
    memberValue(member, position(model, coalition(known, names, subset)), times),
  );
  const effects = worths[0].map((_, k) =>
    shapleyOfTable(
      worths.map((worth) => worth[k]),
      names.length,
    ),
  );
  return { base: worths[0], effects: names.map((_, i) => effects.map((parts) => parts[i])) };
}

/**
 * The same for a sum of trees whose leaves add up to the answers, in closed form for any number of inputs: a leaf is
 * reached for the coalitions that hold some inputs and none of others (Laberge G, Pequignot Y. Understanding
 * interventional TreeSHAP. arXiv 2209.15123, 2022).
 */
function treeGame(model, predictor, known, names, leaves) {
  const columns = model.features.map((f) => featureColumns(model, f, known, names));
  const nAnswers = leaves[0][0].length;
  const base = new Array(nAnswers).fill(0),
    effects = names.map(() => new Array(nAnswers).fill(0));
  const share = (a, b) => {
    // (a-1)! b! / (a+b)!
    let ways = 1;
    for (let k = 1; k <= b; k += 1) ways = (ways * (a + k)) / k;
    return 1 / (a * ways);
  };
  model.weights.forEach((weight, b) =>
    predictor.trees.forEach((tree, n) => {
      const reach = (leaf, inside, outside) => {
        const a = bitCount(inside),
          z = bitCount(outside);
        leaves[n][leaf].forEach((answer, k) => {
          if (!inside) base[k] += weight * answer;
          names.forEach((_, i) => {
            if ((inside >> i) & 1) effects[i][k] += weight * share(a, z) * answer;
            if ((outside >> i) & 1) effects[i][k] -= weight * share(z, a) * answer;
          });
        });
      };
      const walk = (node, inside, outside) => {
        if (node < 0) return reach(~node, inside, outside);
        const { bits, values } = columns[tree.feature[node]];
        const goesLeft = (subset) => values.get(subset)[b] <= tree.threshold[node];
        const open = bits & ~(inside | outside),
          side = goesLeft(inside & bits);
        for (let part = open; part; part = (part - 1) & open) {
          if (goesLeft((inside & bits) | part) !== side) {
            const first = open & -open;
            walk(node, inside | first, outside);
            return walk(node, inside, outside | first);
          }
        }
        return walk(side ? tree.left[node] : tree.right[node], inside, outside);
      };
      walk(tree.feature.length ? 0 : -1, 0, 0);
    }),
  );
  return { base, effects };
}

/** A feature over the prototypes in single precision, by the subset (bits of `names`) that comes from the patient. */
function featureColumns(model, feature, known, names) {
  const j = model.features.indexOf(feature);
  const own = feature.inputs.map((name) => (has(known, name) ? component(feature, known[name]) : null));
  const players = feature.inputs.flatMap((name, k) =>
    names.includes(name) && model.parts[j][k].some((x) => x !== own[k]) ? [k] : [],
  );
  const values = new Map();
  for (let subset = 0; subset < 1 << players.length; subset += 1) {
    const away = players.filter((_, n) => !((subset >> n) & 1));
    const isOwn = (k) => own[k] !== null && !away.includes(k);
    const start = sum(own.filter((_, k) => isOwn(k)));
    const bits = players
      .filter((k) => !away.includes(k))
      .reduce((b, k) => b | (1 << names.indexOf(feature.inputs[k])), 0);
    const theirs = feature.inputs.map((_, k) => k).filter((k) => !isOwn(k));
    values.set(bits, single(model.rows.map((_, b) => start + sum(theirs.map((k) => model.parts[j][k][b])))));
  }
  return { bits: Math.max(...values.keys()), values };
}

const isMean = (response) => ["probability", "curve"].includes(response.kind);

/** The effects of one member, in the shortest way there is. */
function effectsOf(model, member, known, names, times) {
  const { predictor, response } = member;
  if (predictor.kind !== "trees" || !isMean(response) || names.length > 30) {
    return enumerated(model, member, known, names, times);
  }
  const answers = respond(response, times),
    width = predictor.base.length;
  const zero = answers(new Array(width).fill(0)); // S(0) = 1 belongs to no leaf
  const leaves = predictor.trees.map((tree) =>
    Array.from({ length: tree.feature.length + 1 }, (_, leaf) => {
      const outputs = tree.leaf.slice(leaf * width, (leaf + 1) * width).map((x) => predictor.scale * x);
      return answers(outputs).map((x, k) => x - zero[k]);
    }),
  );
  const found = treeGame(model, predictor, known, names, leaves);
  return { base: found.base.map((x, k) => x + zero[k]), effects: found.effects };
}

/** `base + sum(effects) = value` on the scale of the answer; null where more inputs matter than can be enumerated. */
function explainValue(model, known, times) {
  const value = valueOf(model, known, times);
  const base = value.map(() => 0);
  const effects = value.map(() => Object.fromEntries(model.inputs.filter((n) => has(known, n)).map((n) => [n, 0])));
  for (const member of model.members) {
    const names = differing(model, member, known);
    const found = effectsOf(model, member, known, names, times);
    if (found === null) return null;
    value.forEach((_, k) => {
      base[k] += member.weight * found.base[k];
      names.forEach((name, i) => {
        effects[k][name] += member.weight * found.effects[i][k];
      });
    });
  }
  return { base: base.map((x) => Math.min(1, x)), effects, value };
}

/** The same on the log-odds or log-hazard scale; null where the members have no such scale. */
function explainLink(model, known) {
  if (!model.members.every(({ response }) => ["logistic", "cox"].includes(response.kind))) return null;
  const effects = Object.fromEntries(model.inputs.filter((name) => has(known, name)).map((name) => [name, 0]));
  const place = position(model, known);
  let base = 0,
    value = 0;
  for (const member of model.members) {
    const found =
      member.predictor.kind === "linear" ? linkOfLinear(model, member, known) : linkOfTrees(model, member, known);
    base += member.weight * found.base;
    Object.entries(found.effects).forEach(([name, effect]) => {
      effects[name] += member.weight * effect;
    });
    place.rows.forEach((row, b) => {
      value += member.weight * place.weights[b] * member.outputs(row)[0];
    });
  }
  const scale = model.kind === "binary" ? "log_odds" : "log_hazard";
  return { scale, base: [base], effects: [effects], value: [value] };
}

function linkOfLinear(model, { predictor }, known) {
  let base = predictor.intercept;
  const effects = {};
  for (const name of model.inputs) {
    const theirs = contributions(model, predictor, name, columnOf(model, name));
    const mean = sum(theirs.map((x, b) => model.weights[b] * x));
    base += mean;
    if (has(known, name)) effects[name] = contributions(model, predictor, name, [known[name]])[0] - mean;
  }
  return { base, effects };
}

function linkOfTrees(model, member, known) {
  const { predictor } = member,
    names = differing(model, member, known);
  const leaves = predictor.trees.map((tree) => tree.leaf.map((x) => [predictor.scale * x]));
  const { base, effects } = treeGame(model, predictor, known, names, leaves);
  return { base: predictor.base[0] + base[0], effects: Object.fromEntries(names.map((n, i) => [n, effects[i][0]])) };
}
