// A riskml.prediction/1 object -> what a person reads; the words are those of `riskml predict`.

const SMALL = 0.005; // effects under half a point in a hundred are named but not told apart

const monthsOf = (t) => `${general(t)}\u00a0months`;
const tagOf = ({ manifest }) => (manifest.synthetic ? el("span", { class: "tag" }, "synthetic") : null);

/** The first sentence, which is also read aloud. */
function headline(prediction) {
  const { kind, times, value, low, high, level } = prediction.estimate,
    width = `${fixed(100 * level, 0)} % interval`;
  if (kind === "probability") {
    return `Estimated risk: ${percent(value)} (${frequency(value)}); ${width} ${digitsOf(low)} to ${digitsOf(high)} %.`;
  }
  const last = times.length - 1,
    what = kind === "survival" ? "Estimated to be event-free" : "Estimated risk";
  return (
    `${what} at ${general(times[last])} months: ${percent(value[last])} (${frequency(value[last])}); ` +
    `${width} ${digitsOf(low[last])} to ${digitsOf(high[last])} %.`
  );
}

/** One prediction, most important first. */
function answerOf(prediction, bundle, average, heading) {
  const { estimate, explanation, domain } = prediction,
    level = `${fixed(100 * estimate.level, 0)} %`;
  return el(
    "section",
    { class: "answer" },
    el("h3", {}, heading, tagOf(bundle)),
    el("p", { class: "estimate" }, headline(prediction)),
    domain.inside
      ? null
      : el("div", { class: "summary none" }, el("h4", {}, "Outside what the model knows"), listOf(domain.reasons)),
    ...(estimate.kind === "probability"
      ? riskParts(estimate, explanation, level)
      : courseParts(prediction, average, level)),
    explanation === null ? null : effectsPart(prediction),
    missingPart(prediction, bundle),
    ...remarkParts(prediction, bundle),
  );
}

function riskParts(estimate, explanation, level) {
  const average = explanation === null ? null : explanation.base;
  const text =
    average === null
      ? null
      : `The average patient of the cohort the model learned from: ${percent(average)} (${frequency(average)}).`;
  return [text === null ? null : el("p", {}, text), drawRisk(estimate, average, level)];
}

function courseParts(prediction, average, level) {
  const { kind, times, value, low, high } = prediction.estimate,
    base = prediction.explanation?.base;
  const rows = times.map((t, k) => [
    monthsOf(t),
    percent(value[k]),
    frequency(value[k]),
    `${digitsOf(low[k])} to ${digitsOf(high[k])} %`,
    base ? percent(base[k]) : "not given",
  ]);
  const what = kind === "survival" ? "Event-free" : "Risk by then";
  return [
    tableOf(
      `${what}, this patient and the average patient of the cohort the model learned from`,
      ["At", "Estimate", "As a frequency", `${level} interval`, "Average patient"],
      rows,
    ),
    drawCurve(prediction, average.curve, level),
  ];
}

/** From the average patient to this one, the strongest effect first; at the last month for survival. */
function effectsPart({ estimate, explanation }) {
  const isSingle = estimate.kind === "probability",
    last = isSingle ? 0 : estimate.times.length - 1;
  const effects = isSingle ? explanation.effects : explanation.effects[last];
  const base = isSingle ? explanation.base : explanation.base[last];
  const when = isSingle ? "" : ` at ${general(estimate.times[last])} months`;
  if (!effects.length) return el("p", {}, "Nothing is known of this patient: this is the average of the cohort.");
  const inHundred = (share) => (share >= 0 && share <= 1 ? digitsOf(share) : fixed(100 * share, 0));
  const large = effects.filter(({ effect }) => Math.abs(effect) >= SMALL);
  const small = effects.filter(({ effect }) => Math.abs(effect) < SMALL).map((item) => item.label);
  let here = base;
  const rows = large.map(({ label: name, value, effect }) => {
    const start = here;
    here += effect;
    const verb = effect > 0 ? "raises" : "lowers";
    return [
      name,
      value,
      `${verb} it from ${inHundred(start)} to ${inHundred(here)} in 100`,
      drawEffect(effect, Math.abs(large[0].effect)),
    ];
  });
  const caption = `What moved the estimate${when}, from the average patient's ${digitsOf(base)} in 100`;
  return el(
    "div",
    {},
    large.length
      ? tableOf(caption, ["Input", "Value", "Effect", "Size"], rows)
      : el("p", {}, `${caption}: nothing moved it by half a point or more.`),
    small.length ? el("p", {}, `Hardly any effect: ${small.join(", ")}.`) : null,
    el("p", { class: "soft" }, "Effects are parts of a prediction, not effects of treatment or causes."),
  );
}

function missingPart({ inputs }, { variables }) {
  if (!inputs.missing.length) return null;
  const ends = ({ low, high }) => (Array.isArray(low) ? [low.at(-1), high.at(-1)] : [low, high]).map(percent);
  const rows = inputs.could_change.map((item) => {
    const [low, high] = ends(item);
    return [variables[item.input].label, low === high ? `${low} either way` : `${low} to ${high}`];
  });
  return tableOf(
    "Not known, so averaged over; measuring it could move the estimate to between",
    ["Input", "Estimate"],
    rows,
  );
}

function remarkParts(prediction, { variables }) {
  const { warnings, domain } = prediction;
  const remarks = warnings.filter(
    ({ code, message }) =>
      !["synthetic", "outside_domain", "not_used"].includes(code) && !domain.reasons.includes(message),
  );
  const unused = warnings.filter(({ code }) => code === "not_used").map(({ input }) => variables[input].label);
  const words = ({ input, message }) => (input ? named(variables[input], message) : message);
  return [
    remarks.length ? el("div", { class: "summary" }, el("h4", {}, "Please note"), listOf(remarks.map(words))) : null,
    unused.length ? el("p", {}, `Given, but not used in the estimate: ${unused.join(", ")}.`) : null,
    el("h4", {}, "Not for"),
    listOf(prediction.not_for),
  ];
}

/** A message with the label in place of a leading variable name. */
function named(variable, message) {
  return message.startsWith(variable.name) ? variable.label + message.slice(variable.name.length) : message;
}

/** What the other values change. */
function comparisonOf({ what_if: whatIf, estimate }, bundle) {
  if (!whatIf)
    return el("p", {}, "The other values change no input of the model that is known: there is nothing to compare.");
  const { as_given: before, difference: change } = whatIf,
    list = (x) => (Array.isArray(x) ? x : [x]);
  const rows = list(estimate.value).map((value, k) => [
    estimate.times ? monthsOf(estimate.times[k]) : "Risk",
    `${percent(list(before.value)[k])} (${digitsOf(list(before.low)[k])} to ${digitsOf(list(before.high)[k])} %)`,
    `${percent(value)} (${digitsOf(list(estimate.low)[k])} to ${digitsOf(list(estimate.high)[k])} %)`,
    `${points(list(change.value)[k])} (${points(list(change.low)[k])} to ${points(list(change.high)[k])}) in 100`,
  ]);
  const from = ({ label: name, from: old, to }) =>
    `${name}: ${old ?? "not known"} as given, ${to ?? "not known"} instead`;
  return el(
    "section",
    { class: "answer" },
    el("h3", {}, "What if", tagOf(bundle)),
    listOf(whatIf.changed.map(from)),
    tableOf("The patient as given, beside the other values", ["Of what", "As given", "Instead", "Difference"], rows),
    el(
      "p",
      { class: "soft" },
      "A what-if is what the model says of another patient, not what changing this one would do.",
    ),
  );
}

/** The values as they were read, of one patient or of both; the day, and what pins the answer down: for paper. */
function recordOf(bundle, sides, now) {
  const { manifest, variables } = bundle;
  const shown = (readings, name) => {
    const { value, below: limit } = readings.get(name) ?? MISSING;
    return show(variables[name], value, limit);
  };
  const names = Object.keys(variables).filter((name) => sides.some((readings) => readings.has(name)));
  const rows = names.map((name) => [variables[name].label, ...sides.map((readings) => shown(readings, name))]);
  const columns = sides.length > 1 ? ["Value", "As given", "Instead"] : ["Value", "Read as"];
  return el(
    "section",
    { class: "answer" },
    el("h3", {}, "Record", tagOf(bundle)),
    rows.length ? tableOf("The values as they were read", columns, rows) : el("p", {}, "No value was given."),
    el(
      "p",
      { class: "code" },
      `${now} · ${manifest.label} (${manifest.name}, version ${manifest.version}) · ${manifest.digest}`,
    ),
  );
}
