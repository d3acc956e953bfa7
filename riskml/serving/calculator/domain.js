// How like the training cohort a patient is: every way to be unlike has a code, and says what follows from it.
// The same rules and words as riskml.runtime.domain.

const FOLLOWS = {
  infant: "leukaemia under 1 year is mostly KMT2A-rearranged and is treated on protocols of its own",
  adult:
    "adults have other lesions (BCR::ABL1 far more often) and other treatment: what was learned from children " +
    "need not hold",
  later_course: "only the first course starts at the low dose, and only some patients get another",
};
const PH_POSITIVE = [
  ["bcr_abl1", 1],
  ["cytogenetic_group", "ph_pos"],
];

/** Every way in which a patient is unlike those the model learned from, those that put him outside first. */
function concerns({ model, manifest, variables, landmarks }, readings) {
  const { training } = manifest,
    valueOfInput = (name) => readings.get(name)?.value ?? null;
  const found = placed(model, variables, manifest.applies_to, readings);
  if (training.applicability) {
    found.push(...rareLesions(model, variables, training.applicability, valueOfInput));
    const named = new Set(found.map((concern) => concern.input));
    const names = model.inputs.filter((name) => !named.has(name) && valueOfInput(name) !== null);
    const known = Object.fromEntries(names.map((name) => [name, valueOfInput(name)]));
    found.push(...far(model, variables, training.case_mix.inputs, training.applicability.distance, known));
  }
  found.push(...inhibitor(model, valueOfInput));
  found.push(...otherMethod(model, variables, training.case_mix?.methods ?? {}, readings, valueOfInput));
  found.push(...learnedLater(model, variables, manifest.landmark, landmarks, readings));
  return [...found.filter((concern) => concern.outside), ...found.filter((concern) => !concern.outside)];
}

const concern = (code, message, input = null, outside = true) => ({ code, message, input, outside });

function placed(model, variables, appliesTo, readings) {
  const found = [];
  for (const name of new Set([...Object.keys(appliesTo), ...Object.keys(model.limits), "age"])) {
    const { value, below: limit } = readings.get(name) ?? MISSING;
    if (value === null) continue;
    const variable = variables[name],
      given = `${variable.label} is ${show(variable, value)}`;
    const special = specialCode(name, value);
    const add = (code, where) =>
      found.push(concern(code, has(FOLLOWS, code) ? `${where}: ${FOLLOWS[code]}` : where, name));
    if (has(appliesTo, name) && !isWithin(value, appliesTo[name])) {
      add(special ?? "outside_population", `${given}; the model is for ${population(variable, appliesTo[name])}`);
    } else if (
      has(model.limits, name) &&
      typeof value === "number" &&
      limit === null &&
      !isWithin(value, model.limits[name])
    ) {
      add(special ?? "outside_range", `${given}; training patients had about ${span(variable, ...model.limits[name])}`);
    } else if (special === "infant") {
      found.push(concern(special, `${given}; ${FOLLOWS[special]}`, name, false));
    } else if (special === "adult" && !has(appliesTo, name) && !has(model.limits, name)) {
      const text = `${given}; this model does not say for which ages it is: ${FOLLOWS[special]}`;
      found.push(concern(special, text, name, false));
    }
  }
  return found;
}

/** The code of those who are outside most models for a reason of their own. */
function specialCode(name, value) {
  if (name === "age" && typeof value === "number") return value < 1 ? "infant" : value >= 18 ? "adult" : null;
  return name === "cycle_index" && typeof value === "number" && value > 1 ? "later_course" : null;
}

function isWithin(value, allowed) {
  return typeof value === "string" ? allowed.includes(value) : allowed[0] <= value && value <= allowed[1];
}

function population(variable, allowed) {
  return typeof allowed[0] === "string" ? allowed.join(" or ") : span(variable, ...allowed);
}

function span(variable, low, high) {
  return low !== high ? `${show(variable, low)} to ${show(variable, high)}` : show(variable, low);
}

function rareLesions(model, variables, learned, valueOfInput) {
  const present = model.inputs.filter((name) => valueOfInput(name) === 1 && variables[name].lesion);
  const seen = present.filter((name) => learned.lesions.includes(name));
  const found = present
    .filter((name) => !seen.includes(name))
    .map((name) =>
      concern("rare_lesions", `${variables[name].label} is present; fewer than 5 training patients had it`, name),
    );
  seen.forEach((first, place) =>
    seen.slice(place + 1).forEach((second) => {
      if (learned.lesion_pairs.some(([a, b]) => a === first && b === second)) return;
      const both = `${variables[first].label} and ${variables[second].label}`;
      found.push(concern("rare_lesions", `${both} are both present; fewer than 5 training patients had both`, second));
    }),
  );
  return found;
}

/** Squared standardised difference of one input; null where nothing is known of its spread. */
function squaredDifference(item) {
  if (item.levels) return (a, b) => ((typeof a === "string" ? Number(a !== b) : a - b) / 0.5) ** 2;
  if (!item.sd) return null;
  if (item.scale === "value") return (a, b) => ((a - b) / item.sd) ** 2;
  return (a, b) => (Math.log10(Math.max(a, item.floor) / Math.max(b, item.floor)) / item.sd) ** 2;
}

/** Root mean squared difference from the nearest prototype over the known inputs (Dixon JK. IEEE Trans Syst Man
 * Cybern 1979;9:617-621), and what each input adds to it. */
function distance(model, mix, known) {
  const columns = model.inputs.flatMap((name, place) => {
    const squared = has(known, name) && has(mix, name) ? squaredDifference(mix[name]) : null;
    return squared === null ? [] : [{ name, sizes: model.rows.map((row) => squared(known[name], row[place])) }];
  });
  if (!columns.length) return { apart: 0, parts: [] };
  const totals = model.rows.map((_, b) => sum(columns.map(({ sizes }) => sizes[b])));
  const nearest = totals.indexOf(Math.min(...totals));
  const parts = columns.map(({ name, sizes }) => ({ name, size: sizes[nearest] }));
  return { apart: Math.sqrt(totals[nearest] / parts.length), parts };
}

function far(model, variables, mix, learned, known) {
  const { apart, parts } = distance(model, mix, known);
  const limit = parts.length ? learned.thresholds[parts.length - 1] : null;
  if (limit === null || apart <= limit) return [];
  const ranked = [...parts].sort((a, b) => b.size - a.size || compareText(b.name, a.name)).slice(0, 2);
  const most = ranked.filter(({ size }) => size > 0).map(({ name }) => variables[name].label);
  const which = parts.length > 1 ? "taken together the inputs differ" : `${most[0]} differs`;
  const where = parts.length > 1 ? `, mostly in ${most.join(" and ")}` : "";
  return [
    concern(
      "far_from_training",
      `${which} by ${general(apart, 2)} standard deviations from the most similar group of training patients` +
        `${where}; of patients like those ${percent(learned.share)} differ by ${general(limit)} or less`,
    ),
  ];
}

/** The effect of Ph+ depends on whether an inhibitor is given. */
function inhibitor(model, valueOfInput) {
  const ph = PH_POSITIVE.find(([name, level]) => valueOfInput(name) === level)?.[0];
  const treated = valueOfInput("tki");
  if (ph === undefined || treated === 1 || model.inputs.includes("tki")) return [];
  const which =
    treated === 0 ? "no tyrosine kinase inhibitor is given" : "whether a tyrosine kinase inhibitor is given is unknown";
  const text = `Ph+, and ${which}: what was learned of Ph+ mixes patients with and without one and does not carry over`;
  return [concern("ph_without_tki", text, treated === 0 ? "tki" : ph, false)];
}

/** Negative by one method is not negative by another. */
function otherMethod(model, variables, methods, readings, valueOfInput) {
  const found = [],
    add = (text, name) => found.push(concern("other_mrd_method", text, name, false));
  for (const name of model.inputs) {
    const { family, companions, label } = variables[name];
    if (!family) continue;
    if (valueOfInput(name) === null) {
      for (const other of readings.keys()) {
        if (other !== name && variables[other].family === family && valueOfInput(other) !== null) {
          add(`${variables[other].label} is given, the model takes ${label}: they do not stand for each other`, other);
        }
      }
      continue;
    }
    for (const companion of companions) {
      const own = valueOfInput(companion),
        shares = Object.entries(methods[companion] ?? {});
      const usual = shares.length ? shares.reduce((best, item) => (item[1] > best[1] ? item : best))[0] : own;
      if (typeof own === "string" && own !== usual) {
        const text = `${label} was measured by ${own}, in most training patients by ${usual}`;
        add(`${text}: the same number does not mean the same amount of disease`, companion);
      }
    }
  }
  return found;
}

/** What is learned after the time of prediction is not used. */
function learnedLater(model, variables, landmark, landmarks, readings) {
  const spaced = (text) => text.replaceAll("_", " ");
  return [...readings].flatMap(([name, { value }]) => {
    const { known, label } = variables[name];
    const isUsable = landmarks.indexOf(known) <= landmarks.indexOf(landmark);
    if (value === null || model.inputs.includes(name) || isUsable) return [];
    const text = `${label} is known only from ${spaced(known)} on, the model predicts at ${spaced(landmark)}`;
    return [concern("post_baseline", `${text}: it was not used`, name, false)];
  });
}
