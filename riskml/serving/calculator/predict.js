// A patient -> the riskml.prediction/1 object that every other door gives.
// The same steps as riskml.runtime.{inputs, predict, prediction}.

const TOLERANCE = 1e-9; // golden predictions must come back to this
const CURVE_POINTS = 60;

/** The patient was refused; `faults` holds everything that is wrong. */
class Refusal extends Error {
  constructor(faults) {
    super("the patient was refused");
    this.faults = faults;
  }
}

/** What the page carries, ready to predict. */
function openBundle(raw) {
  const open = ([low, high]) => [low ?? -Infinity, high ?? Infinity];
  const variables = Object.fromEntries(
    Object.entries(raw.variables).map(([name, variable]) => [
      name,
      {
        ...variable,
        quantity: raw.quantities[variable.quantity],
        hard: open(variable.hard),
        soft: open(variable.soft),
      },
    ]),
  );
  return { ...raw, variables, model: prepareModel(raw.model) };
}

/** Parse every value of a patient; all faults are reported at once. */
function readPatient(bundle, patient) {
  const readings = new Map(),
    faults = [];
  for (const [name, raw] of Object.entries(patient)) {
    try {
      readings.set(name, parse(bundle.variables[name], raw, bundle.words));
    } catch (error) {
      if (!(error instanceof CellError)) throw error;
      faults.push({ column: name, rule: error.rule, value: error.value, remedy: error.remedy, inputs: [name] });
    }
  }
  if (!faults.length) {
    faults.push(
      ...contradictions(bundle.variables, readings)
        .filter((found) => found.impossible)
        .map((found) => ({
          column: found.inputs.join(" and "),
          rule: `cannot be true together: ${found.rule}`,
          value: found.shown,
          remedy: "correct the one in error, or leave out what is in doubt",
          inputs: found.inputs,
        })),
    );
  }
  if (faults.length) throw new Refusal(faults);
  return readings;
}

function knownValues(model, readings) {
  const names = model.inputs.filter((name) => (readings.get(name)?.value ?? null) !== null);
  return Object.fromEntries(names.map((name) => [name, readings.get(name).value]));
}

/** The bundle's own months; none for a probability. */
function timesOf({ model, manifest }) {
  if (model.kind === "binary") return [];
  const own = manifest.horizons_months.filter((t) => t > 0);
  return own.length ? own : [model.horizon];
}

/** One patient's estimate with everything that must be read beside it; `asGiven` is the patient without changes. */
function predict(bundle, patient, { asGiven = null, today = new Date().toISOString().slice(0, 10) } = {}) {
  const { model, manifest, variables } = bundle;
  const readings = readPatient(bundle, patient),
    known = knownValues(model, readings),
    times = timesOf(bundle);
  const missing = model.inputs.filter((name) => !has(known, name));
  const found = concerns(bundle, readings),
    reasons = found.filter(({ outside }) => outside).map(({ message }) => message);
  const estimate = estimateOf(model, known, times),
    effects = checked(explainValue(model, known, times));
  const shown = (name) => show(variables[name], readings.get(name).value, readings.get(name).below);
  const isSingle = model.kind === "binary",
    one = (list) => (isSingle ? list[0] : list);
  const result = {
    schema: "riskml.prediction/1",
    model: {
      name: manifest.name,
      outcome: manifest.label,
      version: manifest.version,
      digest: manifest.digest,
      synthetic: manifest.synthetic,
    },
    estimate: {
      kind: KINDS[model.kind],
      ...(isSingle ? {} : { unit: "mo", times }),
      ...mapValues(estimate, one),
      level: model.level,
    },
    explanation: explanationOf(bundle, known, effects, shown, times, one),
    inputs: { used: known, missing, could_change: couldChange(model, variables, known, times) },
    domain: { inside: !reasons.length, reasons },
    warnings: warningsOf(bundle, readings, missing, found, today),
    not_for: manifest.not_for,
  };
  if (!isSingle) result.curve = curveOf(model, known);
  if (effects === null) {
    const text = "more inputs count for this patient than can be explained exactly: no effects are given";
    result.warnings.push(note("not_explained", text));
  }
  const whatIf = asGiven === null ? null : comparedWith(bundle, readings, known, asGiven, times, one);
  if (whatIf !== null) {
    result.what_if = whatIf;
    const text = "a what-if is what the model says of another patient, not what changing this one would do";
    result.warnings.push(note("what_if", text));
  }
  return result;
}

const KINDS = { binary: "probability", survival: "survival", incidence: "cumulative_incidence" };
const mapValues = (object, change) => Object.fromEntries(Object.entries(object).map(([k, v]) => [k, change(v)]));

function estimateOf(model, known, times) {
  const value = valueOf(model, known, times);
  return { value, ...percentiles(model, drawnAnswers(model, known, times), value, 0, 1) };
}

function sumError({ base, effects, value }) {
  return Math.max(...value.map((v, k) => Math.abs(base[k] + sum(Object.values(effects[k])) - v)));
}

/** Additivity is checked every time; a larger gap would be a defect, not rounding. */
function checked(effects) {
  if (effects !== null && !(sumError(effects) < 1e-8)) throw new Error("the explanation misses the estimate");
  return effects;
}

function explanationOf({ model, variables }, known, effects, shown, times, one) {
  if (effects === null) return null;
  const listed = (parts) =>
    Object.entries(parts)
      .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]) || compareText(a[0], b[0]))
      .map(([input, effect]) => ({ input, label: variables[input].label, value: shown(input), effect }));
  const found = {
    scale: KINDS[model.kind],
    ...(times.length ? { times } : {}),
    base: one(effects.base),
    effects: one(effects.effects.map(listed)),
    sum_error: sumError(effects),
  };
  const link = checked(explainLink(model, known));
  if (link !== null) {
    found.link = {
      value: link.value[0],
      scale: link.scale,
      base: link.base[0],
      effects: listed(link.effects[0]),
      sum_error: sumError(link),
    };
  }
  return found;
}

/** The answer at whole months, or at as many as can be drawn. */
function curveOf(model, known) {
  const step = Math.max(1, Math.ceil(model.horizon / CURVE_POINTS));
  const times = Array.from({ length: Math.ceil(model.horizon / step) }, (_, k) => step * k);
  times.push(model.horizon);
  return { unit: "mo", times, value: valueOf(model, known, times) };
}

/** What the changes do; null where nothing was known before or nothing changed. */
function comparedWith({ model, variables, ...rest }, readings, after, asGiven, times, one) {
  const earlier = readPatient({ model, variables, ...rest }, asGiven),
    before = knownValues(model, earlier);
  const given = (source, name) => {
    const { value, below: limit } = source.get(name) ?? MISSING;
    return value === null ? null : show(variables[name], value, limit);
  };
  const changed = model.inputs
    .map((name) => ({
      input: name,
      label: variables[name].label,
      from: given(earlier, name),
      to: given(readings, name),
    }))
    .filter(({ from, to }) => from !== to);
  if (!Object.keys(before).length || !changed.length) return null;
  const [old, now] = [before, after].map((known) => valueOf(model, known, times));
  const centre = now.map((x, k) => x - old[k]),
    [start, end] = [before, after].map((known) => drawnAnswers(model, known, times));
  const draws = end.map((answers, n) => answers.map((x, k) => x - start[n][k]));
  return {
    changed,
    as_given: mapValues(estimateOf(model, before, times), one),
    difference: mapValues({ value: centre, ...percentiles(model, draws, centre, -1, 1) }, one),
  };
}

function warningsOf({ model, manifest, variables }, readings, missing, concerned, today) {
  const found = [],
    add = (code, message, input) => found.push({ code, ...(input ? { input } : {}), message });
  if (manifest.synthetic) {
    add("synthetic", "trained on SYNTHETIC data: this demonstrates the software and says nothing about any patient");
  }
  if (has(manifest, "published")) add("published_counts", manifest.published);
  if (manifest.review_by && today > manifest.review_by) {
    add("review_due", `this model was due for review on ${manifest.review_by}`);
  }
  if (!manifest.usable_signal) {
    const text = manifest.evaluation
      ? "in honest cross-validation this model was not shown to beat the comparator"
      : "nothing is known of how well this model predicts";
    add("no_usable_signal", `${text}: ${manifest.verdict}`);
  }
  if (concerned.some(({ outside }) => outside)) {
    add("outside_domain", "this patient is unlike those the model learned from; see the reasons");
  }
  concerned.forEach(({ code, message, input }) => add(code, message, input));
  contradictions(variables, readings).forEach(({ code, inputs, shown, rule }) =>
    add(code, `${inputs.join(", ")} (${shown}): ${rule}; check them`, inputs[0]),
  );
  if (missing.length === model.inputs.length) {
    add("no_inputs", "no input of this model is known: the estimate is the average of its cohort");
  }
  const told = concerned
    .filter(({ code }) => ["post_baseline", "other_mrd_method"].includes(code))
    .map(({ input }) => input);
  for (const [name, { notes }] of readings) {
    if (model.inputs.includes(name)) notes.forEach(({ code, message }) => add(code, message, name));
    else if (!told.includes(name)) add("not_used", `${variables[name].label} is not an input of this model`, name);
  }
  return found;
}

/** Which of the invented patients no longer get the prediction that the bundle must give for ever; null where none. */
function failedGolden(bundle) {
  if (!bundle.golden.length) return "this file holds no patients to check it by";
  for (const [k, entry] of bundle.golden.entries()) {
    const known = knownValues(bundle.model, readPatient(bundle, entry.patient));
    const { value, low, high } = estimateOf(bundle.model, known, entry.times);
    const got = has(entry, "low") ? [...value, ...low, ...high] : value;
    const want = [...entry.value, ...(entry.low ?? []), ...(entry.high ?? [])];
    if (got.length !== want.length || !got.every((x, n) => Math.abs(x - want[n]) <= TOLERANCE)) {
      return `golden prediction ${k + 1} does not come back`;
    }
  }
  return null;
}
