// Numbers as Python writes them (ties go to the even digit), shares as a person reads them, and erfc.

/** "%.{digits}f" of Python. */
function fixed(x, digits) {
  const size = Math.abs(x),
    [whole, rest] = size.toFixed(100).split(".");
  const kept = digits ? `${whole}.${rest.slice(0, digits)}` : whole;
  const isTie = /^50*$/.test(rest.slice(digits)) && "02468".includes(kept.at(-1));
  return (x < 0 || Object.is(x, -0) ? "-" : "") + (isTie ? kept : size.toFixed(digits));
}

/** "%.{digits}g" of Python. */
function general(x, digits = 6) {
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  const size = Math.abs(x),
    sign = x < 0 ? "-" : "";
  const [exact, power] = size.toExponential(100).replace(".", "").split("e");
  const isTie = /^50*$/.test(exact.slice(digits)) && "02468".includes(exact[digits - 1]);
  const [mantissa, exponent] = isTie
    ? [exact.slice(0, digits), Number(power)]
    : size
        .toExponential(digits - 1)
        .replace(".", "")
        .split("e")
        .map((part, k) => (k ? Number(part) : part));
  const tidy = (text) => (text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text);
  if (exponent < -4 || exponent >= digits) {
    const tail = `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
    return `${sign}${tidy(`${mantissa[0]}.${mantissa.slice(1)}`)}e${tail}`;
  }
  if (exponent < 0) return `${sign}${tidy(`0.${"0".repeat(-exponent - 1)}${mantissa}`)}`;
  return `${sign}${tidy(`${mantissa.slice(0, exponent + 1)}.${mantissa.slice(exponent + 1)}`)}`;
}

// Nearer to 0 or 1 than this, a rounded figure would claim certainty (riskml.runtime.shares).
const SURE = 0.0005;

/** A percentage without its sign: "18", "0.4", ">99.9". */
function digitsOf(share) {
  if (share <= SURE) return "<0.1";
  if (share >= 1 - SURE) return ">99.9";
  return fixed(100 * share, share >= 0.01 && share <= 0.99 ? 0 : 1);
}

/** "18 %", "less than 0.1 %". */
function percent(share) {
  return `${digitsOf(share)} %`.replace("<", "less than ").replace(">", "more than ");
}

/** "about 18 in 100" (Gigerenzer G, Hoffrage U. Psychol Rev 1995;102:684-704). */
function frequency(share) {
  if (share <= SURE) return "fewer than 1 in 1000";
  if (share >= 1 - SURE) return "more than 999 in 1000";
  return share >= 0.01 && share <= 0.99
    ? `about ${fixed(100 * share, 0)} in 100`
    : `about ${fixed(1000 * share, 0)} in 1000`;
}

/** A difference of shares in points of a hundred, with its sign; what rounds to nothing has a plus. */
function points(share) {
  const text = fixed(100 * share, 0).replace(/^-0$/, "0");
  return text.startsWith("-") ? text.replace("-", "\u2212") : `+${text}`;
}

/**
 * The complementary error function: a series of positive terms near 0, a continued fraction from 2 on (Abramowitz M,
 * Stegun IA. Handbook of mathematical functions, 1964, 7.1.6 and 7.1.14).
 */
function erfc(x) {
  if (x < 0) return 2 - erfc(-x);
  if (x > 27) return 0;
  const scale = Math.exp(-x * x) / Math.sqrt(Math.PI);
  if (x < 2) {
    let term = 2 * x,
      total = term;
    for (let n = 1; term > 1e-18 * total; n += 1) total += term *= (2 * x * x) / (2 * n + 1);
    return 1 - scale * total;
  }
  let fraction = 0;
  for (let n = 120; n > 0; n -= 1) fraction = n / 2 / (x + fraction);
  return scale / (x + fraction);
}

const sum = (numbers) => numbers.reduce((total, x) => total + x, 0);
const has = (object, name) => Object.hasOwn(object, name); // a variable may be called "constructor"
const compareText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
