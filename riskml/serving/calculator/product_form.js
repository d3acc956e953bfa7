// Exact Shapley values of a sigmoid of a sum, for more inputs than can be enumerated: the sigmoid is a sum of
// exponentials, and those of a sum are products. The same definitions as riskml.runtime.{sigmoids, additive_games},
// where they are derived.

const SMALL_TAIL = 1e-12; // what tails of copies may add to the sigmoid
const TAIL_TERMS = 4; // of the series of a tail
const FAR_OUT = 80; // further from 0 than this, terms of that series would overflow
const ALL_BUT_SURE = 40; // where every sigmoid is within 1e-17 of 0 or 1
const EDGE = 100 * CERTAIN; // closer to 1 a calibration works on what rounding has left

// Complex numbers are pairs of a real and an imaginary part.
const timesC = ([a, b], [c, d]) => [a * c - b * d, a * d + b * c];
const overC = (x, [c, d]) => timesC(x, [c / (c * c + d * d), -d / (c * c + d * d)]);
const plusC = ([a, b], [c, d]) => [a + c, b + d];
const expC = ([a, b]) => [Math.exp(a) * Math.cos(b), Math.exp(a) * Math.sin(b)];
const logC = ([a, b]) => [Math.log(Math.hypot(a, b)), Math.atan2(b, a)];

/** The response as F(shift + slope * z), one shift an answer; null where it is no sigmoid of one linear predictor. */
function sigmoidOf(response, times) {
  const inner = innerOf(response);
  const plain = {
    logistic: () => ({ distribution: "loglogistic", shifts: [0], slope: -1 }),
    cox: () => ({ distribution: "weibull", shifts: times.map((t) => Math.log(hazardAt(inner, t))), slope: 1 }),
    aft: () => ({
      distribution: inner.distribution,
      shifts: times.map((t) => Math.log(t) / inner.scale),
      slope: -1 / inner.scale,
    }),
  }[inner.kind]?.();
  if (!plain) return null;
  if (response.kind !== "calibrated") return { ...plain, low: -Infinity, high: Infinity };
  if (inner.kind === "aft" && inner.distribution !== "weibull") return null;
  const isLogistic = inner.kind === "logistic"; // u is the log-odds against, or the log cumulative hazard
  const edges = [Math.log(EDGE), isLogistic ? -Math.log(CERTAIN) : Math.log(-Math.log(CERTAIN))];
  const ranges = plain.shifts
    .filter((shift) => shift > -Infinity)
    .map((shift) => edges.map((edge) => (edge - shift) / plain.slope).sort((a, b) => a - b));
  return {
    distribution: plain.distribution,
    shifts: plain.shifts.map((shift) =>
      shift > -Infinity ? (isLogistic ? -1 : 1) * response.intercept + response.slope * shift : shift,
    ),
    slope: response.slope * plain.slope,
    low: Math.max(-Infinity, ...ranges.map(([low]) => low)),
    high: Math.min(Infinity, ...ranges.map(([, high]) => high)),
  };
}

/** Range of u for each answer that is not certain for all z from `low` to `high`; null where the form does not hold. */
function reachesOf(sigmoid, low, high) {
  const ends = [sigmoid.slope * low, sigmoid.slope * high].sort((a, b) => a - b);
  const reaches = sigmoid.shifts
    .map((shift, answer) => ({ answer, least: shift + ends[0], most: shift + ends[1] }))
    .filter(({ least, most }) => least <= ALL_BUT_SURE && most >= -ALL_BUT_SURE);
  const isHeld = sigmoid.low <= low && high <= sigmoid.high;
  return isHeld && reaches.every(({ least, most }) => least >= -MAX_LOG && most <= MAX_LOG) ? reaches : null;
}

/** E exp(-i w U) for U with distribution function 1 - F. */
const CHARACTERISTIC = {
  loglogistic: (w) => [(Math.PI * w) / Math.sinh(Math.PI * w), 0],
  weibull: gammaC,
  lognormal: (w) => [Math.exp((-w * w) / 2), 0],
};

/** Gamma(1 - i w): Stirling's series ten steps up (Abramowitz & Stegun 1964, 6.1.15 and 6.1.41). */
function gammaC(w) {
  const z = [11, -w];
  let power = z,
    series = [0, 0];
  for (const b of [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360]) {
    series = plusC(series, overC([b, 0], power));
    power = timesC(timesC(power, z), z);
  }
  const exponent = timesC(plusC(z, [-0.5, 0]), logC(z));
  let found = expC([exponent, [-z[0], -z[1]], [0.5 * Math.log(2 * Math.PI), 0], series].reduce(plusC));
  for (let k = 1; k <= 10; k += 1) found = overC(found, [k, -w]);
  return found;
}

/** F(u) less a constant as real parts of `factor * exp(s u)`, s = i rate for a wave and rate for a tail. */
function modesOf(distribution, low, high) {
  const terms = Math.max(-low, high) < FAR_OUT ? TAIL_TERMS : 0;
  const series = -Math.log(SMALL_TAIL) / (terms + 1);
  const [left, right] = {
    loglogistic: [series, series],
    weibull: [series, Math.log(-Math.log(SMALL_TAIL))],
    lognormal: [7.1, 7.1],
  }[distribution];
  const apart = Math.max(high + left, right - low),
    found = [];
  for (let k = 1; ; k += 2) {
    const rate = (k * Math.PI) / apart,
      size = CHARACTERISTIC[distribution](rate);
    if (Math.hypot(...size) < 10 * SMALL_TAIL) break;
    found.push({ isWave: true, rate, factor: timesC([0, 2 / (rate * apart)], size) });
  }
  for (let j = 1, factorial = 1; j <= terms && distribution !== "lognormal"; j += 1, factorial *= j) {
    const share = (-1) ** j / (Math.exp(j * apart) + 1); // of all copies on one side
    const isWeibull = distribution === "weibull";
    found.push({ isWave: false, rate: j, factor: [share / (isWeibull ? factorial : 1), 0] });
    if (!isWeibull) found.push({ isWave: false, rate: -j, factor: [-share, 0] });
  }
  return found;
}

const unitOf = ({ isWave }) => (isWave ? [0, 1] : [1, 0]);
const modeAt = (mode, u) => expC(timesC(unitOf(mode), [mode.rate * u, 0]));

/** Positive Gauss-Legendre nodes and their weights, exact with their images below `degree` (A. & S. 1964, 25.4.29). */
function halfNodes(degree) {
  const n = 2 * Math.max(1, Math.ceil(degree / 4));
  return Array.from({ length: n / 2 }, (_, k) => {
    let t = Math.cos((Math.PI * (k + 0.75)) / (n + 0.5)),
      slope = 0;
    for (let step = 0; step < 6; step += 1) {
      let [before, here] = [1, t];
      for (let m = 2; m <= n; m += 1) [before, here] = [here, ((2 * m - 1) * t * here - (m - 1) * before) / m];
      slope = (n * (t * here - before)) / (t * t - 1);
      t -= here / slope;
    }
    return [t, 2 / ((1 - t * t) * slope * slope)];
  });
}

/** sinh(s h) of each input for one prototype, over the unit, times the integral of the product over the others. */
function gainsOf(mode, halves, nodes) {
  const [even, odd] = mode.isWave ? [Math.cos, Math.sin] : [Math.cosh, Math.sinh];
  const evens = halves.map((h) => even(mode.rate * h)),
    odds = halves.map((h) => odd(mode.rate * h));
  const integrals = halves.map(() => 0);
  const steps = mode.isWave
    ? nodes.map(([t, w]) => [[0, t], 2 * w])
    : nodes.flatMap(([t, w]) => [
        [[t, 0], w],
        [[-t, 0], w],
      ]);
  for (const [t, weight] of steps) {
    const factors = odds.map((s, i) => plusC([evens[i], 0], timesC(t, [s, 0])));
    const product = factors.reduce(timesC, [weight, 0]);
    factors.forEach((factor, i) => {
      integrals[i] += overC(product, factor)[0];
    });
  }
  return odds.map((s, i) => s * integrals[i]);
}

/** The effects of a linear member whose response is a sigmoid; null where it is none, or the form does not hold. */
function productForm(model, member, known, names, times) {
  const { predictor, response } = member;
  const sigmoid = predictor.kind === "linear" ? sigmoidOf(response, times) : null;
  if (sigmoid === null) return null;
  const starts = position(model, {}).rows.map((row) => linearAt(predictor, row));
  const moves = names.map((name) => {
    const [own] = contributions(model, predictor, name, [known[name]]);
    return contributions(model, predictor, name, columnOf(model, name)).map((other) => own - other);
  });
  const low = Math.min(...starts.map((z, b) => z + sum(moves.map((d) => Math.min(d[b], 0)))));
  const high = Math.max(...starts.map((z, b) => z + sum(moves.map((d) => Math.max(d[b], 0)))));
  const reaches = reachesOf(sigmoid, low, high);
  if (reaches === null) return null;
  return {
    base: memberValue(member, position(model, {}), times),
    effects: productEffects(model, sigmoid, reaches, starts, moves),
  };
}

function productEffects(model, sigmoid, reaches, starts, moves) {
  const found = moves.map(() => sigmoid.shifts.map(() => 0));
  if (!reaches.length) return found;
  const modes = modesOf(
    sigmoid.distribution,
    Math.min(...reaches.map(({ least }) => least)),
    Math.max(...reaches.map(({ most }) => most)),
  );
  const origin = sigmoid.shifts[reaches[0].answer], // u is small where an answer is open, z need not be
    nodes = halfNodes(moves.length);
  const halves = starts.map((_, b) => moves.map((d) => (sigmoid.slope * d[b]) / 2));
  const middles = starts.map((z, b) => origin + sigmoid.slope * z + sum(halves[b]));
  for (const mode of modes) {
    const gains = moves.map(() => [0, 0]);
    halves.forEach((half, b) => {
      const height = timesC([model.weights[b], 0], modeAt(mode, middles[b]));
      gainsOf(mode, half, nodes).forEach((gain, i) => {
        gains[i] = plusC(gains[i], timesC(height, [gain, 0]));
      });
    });
    for (const { answer } of reaches) {
      const shifted = timesC(mode.factor, modeAt(mode, sigmoid.shifts[answer] - origin));
      const factor = timesC(unitOf(mode), shifted);
      gains.forEach((gain, i) => {
        found[i][answer] += timesC(factor, gain)[0];
      });
    }
  }
  return found;
}
