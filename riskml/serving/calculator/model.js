// The portable model, format 1: features, predictors and responses -> v(known) and its interval.
// The same definitions as riskml.runtime.{model, members, responses, time_responses, score}.

const MAX_LOG = 700; // exp() of more is beyond a double
const MAX_LOG_CAUSE = 300; // hazards of several causes are multiplied and added
const CERTAIN = 1e-9; // what counts as certain when an answer is recalibrated
const LARGEST_SINGLE = 3.4028234663852886e38;
const within = (x, limit = MAX_LOG) => Math.min(Math.max(x, -limit), limit);

const OPS = {
  value: (value) => value,
  log10: (value, floor) => Math.log10(Math.max(value, floor)),
  hinge: (value, knot) => Math.max(0, value - knot),
  at_least: (value, cut) => (value >= cut ? 1 : 0),
  level: (value, levels) => (levels.includes(value) ? 1 : 0),
};

/** What one known input adds to a feature. */
function component(feature, value) {
  return OPS[feature.op](value, feature.parameter);
}

/** The model with what every patient needs of it: how each prototype's inputs add to each feature. */
function prepareModel(raw) {
  const { rows, weights } = raw.background;
  const place = (name) => raw.inputs.indexOf(name);
  const parts = raw.features.map((f) => f.inputs.map((name) => rows.map((row) => component(f, row[place(name)]))));
  const members = raw.members.map(prepareMember);
  const draws = raw.uncertainty.draws
    .flat()
    .filter((member) => member.weight > 0)
    .map(prepareMember);
  const horizon = Math.min(...raw.members.map((member) => reachOf(member.response)));
  return { ...raw, rows, weights, parts, members, draws, horizon, level: raw.uncertainty.level };
}

/** Last month that a response can speak of. */
function reachOf(response) {
  if (response.kind === "calibrated") return reachOf(response.response);
  if (response.kind === "incidence") return response.baselines[0].times.at(-1);
  return response.kind === "aft" ? response.last : response.times ? response.times.at(-1) : Infinity;
}

function prepareMember(member) {
  return { ...member, outputs: PREDICTORS[member.predictor.kind](member.predictor) };
}

/** A row of features -> outputs. */
const PREDICTORS = {
  linear: (predictor) => (row) => [linearAt(predictor, row)],
  causes: (predictor) => (row) => predictor.linears.map((linear) => linearAt(linear, row)),
  trees: (predictor) => (row) => treesAt(predictor, single(row)),
};

function linearAt({ intercept, coefficients }, row) {
  return coefficients.reduce((total, slope, j) => total + slope * row[j], intercept);
}

/** The row in single precision, as the libraries that grow trees compare. */
function single(row) {
  return row.map((x) => Math.fround(within(x, LARGEST_SINGLE)));
}

function treesAt({ base, scale, trees }, row) {
  const totals = base.map(() => 0);
  for (const tree of trees) {
    const start = leafOf(tree, row) * base.length;
    for (let k = 0; k < base.length; k += 1) totals[k] += tree.leaf[start + k];
  }
  return base.map((x, k) => x + scale * totals[k]);
}

function leafOf(tree, row) {
  let node = tree.feature.length ? 0 : -1;
  while (node >= 0) node = row[tree.feature[node]] <= tree.threshold[node] ? tree.left[node] : tree.right[node];
  return ~node;
}

/** The place of the last month of a grid that is earlier than t, and the share of the way to the next. */
function placeOn(grid, t) {
  let k = 0;
  while (k + 2 < grid.length && grid[k + 1] < t) k += 1;
  return [k, (t - grid[k]) / (grid[k + 1] - grid[k])];
}

function hazardAt({ times, cumulative_hazard: hazard }, t) {
  const [k, share] = placeOn(times, t);
  return hazard[k] + share * (hazard[k + 1] - hazard[k]);
}

const SURVIVAL_OF = {
  weibull: (z) => Math.exp(-Math.exp(within(z))),
  loglogistic: (z) => 1 / (1 + Math.exp(within(z))),
  lognormal: (z) => 0.5 * erfc(within(z) / Math.SQRT2),
};

/** Outputs -> answers, one for a probability, one a time otherwise. What depends on the times is done once. */
const RESPONSES = {
  logistic:
    () =>
    ([x]) => [1 / (1 + Math.exp(-within(x)))],
  probability:
    () =>
    ([x]) => [x],
  cox(response, times) {
    const hazards = times.map((t) => hazardAt(response, t));
    return ([x]) => {
      const relative = Math.exp(within(x));
      return hazards.map((hazard) => Math.exp(-hazard * relative));
    };
  },
  curve(response, times) {
    const places = times.map((t) => placeOn([0, ...response.times], t));
    return (outputs) => {
      const grid = [1, ...outputs];
      return places.map(([k, share]) => grid[k] + share * (grid[k + 1] - grid[k]));
    };
  },
  aft({ distribution, scale }, times) {
    const logs = times.map((t) => (t > 0 ? Math.log(t) : -Infinity));
    return ([x]) => logs.map((log) => SURVIVAL_OF[distribution]((log - x) / scale));
  },
  incidence: incidenceOf,
  calibrated(response, times) {
    const inner = respond(response.response, times);
    const change = outcomeOf(response.response) === "survival" ? movedSurvival : movedProbability;
    return (outputs) => inner(outputs).map((answer) => change(response, answer));
  },
};

function respond(response, times) {
  return RESPONSES[response.kind](response, times);
}

/** The response itself, or the one that a calibration is put on. */
function innerOf(response) {
  return response.kind === "calibrated" ? response.response : response;
}

function outcomeOf(response) {
  return ["logistic", "probability"].includes(innerOf(response).kind) ? "binary" : "survival";
}

/** Cumulative incidence of the first cause (Prentice RL et al. Biometrics 1978;34:541-554). */
function incidenceOf({ baselines }, times) {
  const last = Math.max(0, ...times);
  const knots = [...new Set([0, ...baselines[0].times, ...times])].filter((t) => t <= last).sort((a, b) => a - b);
  const hazards = baselines.map((baseline) => knots.map((t) => hazardAt(baseline, t)));
  const at = times.map((t) => knots.indexOf(t));
  return (outputs) => {
    const relative = outputs.map((x) => Math.exp(within(x, MAX_LOG_CAUSE)));
    const found = [0];
    let survival = Math.exp(-sum(relative.map((r, cause) => r * hazards[cause][0])));
    for (let k = 1; k < knots.length; k += 1) {
      const grown = relative.map((r, cause) => r * (hazards[cause][k] - hazards[cause][k - 1]));
      const total = sum(grown);
      found.push(total > 0 ? found[k - 1] - ((survival * grown[0]) / total) * Math.expm1(-total) : found[k - 1]);
      survival *= Math.exp(-total);
    }
    return at.map((k) => found[k]);
  };
}

/** Cox DR. Two further applications of a model for binary regression. Biometrika 1958;45:562-565. */
function movedProbability({ intercept, slope }, answer) {
  const p = Math.min(Math.max(answer, CERTAIN), 1 - CERTAIN);
  return 1 / (1 + Math.exp(-within(intercept + slope * Math.log(p / (1 - p)))));
}

function movedSurvival({ intercept, slope }, answer) {
  const hazard = -Math.log(Math.min(Math.max(answer, CERTAIN), 1));
  const moved = Math.exp(within(intercept + slope * Math.log(Math.max(hazard, CERTAIN))));
  return Math.exp(-moved * Math.min(1, hazard / CERTAIN));
}

/** Features of a patient with each prototype in the place of what is missing; one row where nothing is. */
function position(model, known) {
  const missing = model.features.map((f) => f.inputs.flatMap((name, k) => (has(known, name) ? [] : [k])));
  const mine = model.features.map((f) =>
    sum(f.inputs.filter((name) => has(known, name)).map((name) => component(f, known[name]))),
  );
  if (missing.every((places) => !places.length)) return { rows: [mine], weights: [1] };
  const columns = mine.map((x, j) =>
    missing[j].length
      ? model.weights.map((_, b) => x + missing[j].reduce((total, k) => total + model.parts[j][k][b], 0))
      : model.weights.map(() => x),
  );
  return { rows: model.weights.map((_, b) => columns.map((column) => column[b])), weights: model.weights };
}

/** v(known) of one member. */
function memberValue(member, place, times) {
  const answers = respond(member.response, times),
    totals = new Array(times.length || 1).fill(0);
  place.rows.forEach((row, b) => {
    answers(member.outputs(row)).forEach((answer, k) => {
      totals[k] += place.weights[b] * answer;
    });
  });
  return totals;
}

/** The estimate for a patient of whom only `known` is known: the prototypes' mean with those values put in. */
function valueOf(model, known, times) {
  const place = position(model, known);
  const parts = model.members.map((member) => memberValue(member, place, times).map((x) => member.weight * x));
  return parts[0].map((_, k) => Math.min(1, sum(parts.map((part) => part[k]))));
}

/** What each member of the bootstrap refits answers. */
function drawnAnswers(model, known, times) {
  const place = position(model, known);
  return model.draws.map((member) => memberValue(member, place, times));
}

/** Linear-interpolation quantile (type 7; Hyndman & Fan, Am Stat 1996;50:361-365); weights set neighbours apart. */
function quantile(ordered, probability) {
  const steps = ordered.slice(1).map(([, weight], k) => (ordered[k][1] + weight) / 2);
  let left = probability * sum(steps);
  for (let k = 0; k < steps.length; k += 1) {
    if (left <= steps[k]) return ordered[k][0] + (left / steps[k]) * (ordered[k + 1][0] - ordered[k][0]);
    left -= steps[k];
  }
  return ordered.at(-1)[0];
}

/** Percentile interval over the members of all refits, widened where needed to hold the estimate itself. */
function percentiles(model, draws, centre, least, most) {
  if (!draws.length) return { low: centre.map(() => least), high: centre.map(() => most) };
  const tail = (1 - model.level) / 2;
  const ends = centre.map((middle, k) => {
    const ordered = draws.map((answers, n) => [answers[k], model.draws[n].weight]);
    ordered.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    return [Math.min(quantile(ordered, tail), middle), Math.min(most, Math.max(quantile(ordered, 1 - tail), middle))];
  });
  return { low: ends.map(([low]) => low), high: ends.map(([, high]) => high) };
}
