// One written value -> one reading: the same rules and words as riskml.runtime.{parsing, units, dictionary}.

const MAX_CELL = 400; // longer cells are refused unread
const COARSEST_STEP = 0.01; // a zero count lies below half its last digit, but no coarser than this
const BLANKS = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/gu; // those of str.split()
const NUMBER = /^(<=|<|≤|>=|>|≥|~)?\s*([+-]?(?:\p{Nd}+\.?\p{Nd}*|\.\p{Nd}+)(?:[eE][+-]?\p{Nd}+)?)\s*(.*)$/su;
const COMMA = /^[<>=≤≥~+\s-]*\p{Nd}+,\p{Nd}/u;
const BANDS = /\([pqv0-9.;]+\)/g; // "(q34;q11.2)" behind a translocation says where, not whether
const MINUS = ["-", "\u2212"];
const MISSING = { value: null, below: null, notes: [] };

/** Why one value was refused. */
class CellError extends Error {
  constructor(rule, value, remedy) {
    super(`${rule}; ${remedy}`);
    Object.assign(this, { rule, value: String(value), remedy });
  }
}

const collapsed = (text) => text.replace(BLANKS, " ").replace(/^ | $/g, "");
const folded = (text) => [...text].map((c) => c.toUpperCase().toLowerCase()).join("");
const reading = (value, below = null, notes = []) => ({ value, below, notes });
const note = (code, message) => ({ code, message });

/** One form for the many spellings of a unit: "x10^9 / l", "10⁹/L" and "10*9/L" become "10*9/l". */
function foldUnit(text) {
  const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻µμ×",
    plain = "0123456789-uux";
  const hasPower = [..."⁰¹²³⁴⁵⁶⁷⁸⁹"].some((mark) => text.includes(mark));
  const translated = [...text].map((c) => (superscripts.includes(c) ? plain[superscripts.indexOf(c)] : c)).join("");
  let found = folded(translated).replace(BLANKS, "");
  found = found.replaceAll("**", "*").replaceAll("^", "*").replace(/^x/, "");
  return hasPower && found.startsWith("10") && !found.startsWith("10*") ? `10*${found.slice(2)}` : found;
}

/** Factor from a unit to the canonical one; null where it is not a unit of this quantity. */
function unitFactor(quantity, unit) {
  const key = foldUnit(unit);
  return has(quantity.factors, key) ? quantity.factors[key] : null;
}

/** A number in the canonical unit as a person reads it: "0.52 %". */
function showQuantity(quantity, value) {
  const shown = value / (quantity.display ? (unitFactor(quantity, quantity.display) ?? 1) : 1);
  let text = general(shown, 3);
  if (text.includes("e")) text = fixed(shown, 6).replace(/0+$/, "").replace(/\.$/, "") || "0";
  return collapsed(`${text} ${quantity.display.replace("10*9", "10^9")}`);
}

/** A reading as a person reads it: "0.52 %", "< 0.01 %", "present", "unknown". */
function show(variable, value, below = null) {
  if (value === null) return "unknown";
  if (typeof value === "string") return value;
  if (variable.kind === "tristate") return value === 1 ? "present" : "absent";
  const isLimit = below !== null && value <= below;
  return isLimit ? `< ${showQuantity(variable.quantity, below)}` : showQuantity(variable.quantity, value);
}

/** Read one raw value: a text, a number, null, or {value, unit}; throws CellError, nothing is guessed. */
function parse(variable, given, words) {
  const [raw, unit] = given !== null && typeof given === "object" ? [given.value, given.unit ?? null] : [given, null];
  if (raw === null) return MISSING;
  const value = typeof raw === "string" ? oneValue(variable, raw) : raw;
  if (variable.kind === "tristate") return readTristate(variable, value, words);
  return variable.kind === "category" ? readCategory(variable, value, words) : readNumber(variable, value, words, unit);
}

function oneValue(variable, raw) {
  const text = collapsed(raw);
  if ([...text].length <= MAX_CELL) return text;
  const shown = `${[...text].slice(0, 40).join("")}...`;
  throw new CellError(`${variable.name} must be a short value`, shown, "put free text elsewhere");
}

function readTristate(variable, raw, words) {
  const refuse = (remedy) => {
    throw new CellError(`${variable.name} must be present, absent or unknown`, raw, remedy);
  };
  if (typeof raw !== "string")
    return [0, 1].includes(Number(raw)) ? reading(Number(raw)) : refuse("write one of the three words");
  const text = { "0.0": "0", "1.0": "1" }[raw] ?? folded(raw);
  if (variable.not_same_as.some((look) => text.includes(folded(look)))) {
    refuse(`this is not ${variable.label}: give it its own column`);
  }
  if (variable.absent_words.includes(text)) return reading(0);
  const { word, isNamed, isSubtype } = withoutName(variable, text);
  const isOwn = !(isNamed && withoutName(variable, word).isNamed); // "Ph+ Ph-" names the lesion twice and says nothing
  const says = (general_, own) => general_.includes(word) || (isOwn && own.includes(word));
  if (says(words.present, variable.present_words) || (isNamed && !word)) return reading(1);
  if (says(words.absent, variable.absent_words) || (isNamed && MINUS.includes(word))) {
    return isSubtype ? refuse(`one absent partner does not exclude ${variable.label}: write unknown`) : reading(0);
  }
  return words.missing.includes(word) || word === "nd" ? MISSING : refuse("write one of the three words");
}

/** What a cell says beside the lesion's name, whether it named the lesion, and whether only a subtype of it. */
function withoutName(variable, text) {
  if (["", ...MINUS].includes(text)) return { word: text, isNamed: false, isSubtype: false };
  const names = [...variable.aliases, ...variable.subtypes, variable.name];
  names.sort((a, b) => [...b].length - [...a].length);
  const found = names.find((name) => text.includes(folded(name)));
  const rest = found === undefined ? text : text.split(folded(found)).reduce(joinFirst).replace(BANDS, "");
  const word = rest.replace(/^[ :=,;()]+|[ :=,;()]+$/g, "");
  return { word, isNamed: found !== undefined, isSubtype: variable.subtypes.includes(found) };

  function joinFirst(start, part, k) {
    // only the first place where the name stands is taken out
    return start + (k === 1 ? " " : folded(found)) + part;
  }
}

function readCategory(variable, raw, words) {
  const text = folded(String(raw));
  for (const [level, aliases] of variable.levels) {
    if ([level, ...aliases].some((name) => folded(name) === text)) return reading(level);
  }
  if (words.missing.includes(text) || text === "nd") return MISSING;
  throw new CellError(
    `${variable.name} must be one of ${variable.levels.map(([level]) => level).join(", ")}`,
    raw,
    "use a listed level",
  );
}

function readNumber(variable, raw, words, unit) {
  if (typeof raw === "boolean")
    throw new CellError(`${variable.name} must be a number`, raw, "write the measured value");
  if (typeof raw === "number") {
    return measured(variable, { number: raw, unit, raw, decimals: Number.isInteger(raw) ? 0 : null, isLimit: false });
  }
  const text = folded(raw);
  if (variable.below_words.includes(text)) return below(variable, variable.limit_of_detection ?? 0);
  if (words.missing.includes(text) || text === "nd") return MISSING;
  return measured(variable, split(variable, raw, unit));
}

/** Comparator, digits and unit of a written number. */
function split(variable, raw, unit) {
  if (COMMA.test(raw))
    throw new CellError(`${variable.name} must be written with a decimal point`, raw, "replace the comma");
  const match = NUMBER.exec(raw);
  if (match === null)
    throw new CellError(`${variable.name} must be a number`, raw, `write for example '${variable.example}'`);
  const [, comparator, digits, written] = match;
  if ([">", ">=", "≥", "~"].includes(comparator)) {
    throw new CellError(`${variable.name} must be a measured value or '<limit'`, raw, "write the value itself");
  }
  const number = Number([...digits].map(asciiDigit).join(""));
  if (!Number.isFinite(number))
    throw new CellError(`${variable.name} must be a finite number`, raw, "check the exponent");
  const decimals = /e/i.test(digits) ? 0 : [...(digits.split(".")[1] ?? "")].length;
  return { number, unit: oneUnit(variable, raw, written, unit), raw, decimals, isLimit: comparator !== undefined };
}

/** The digits of any script stand in runs of ten. */
function asciiDigit(c) {
  if (!/\p{Nd}/u.test(c)) return c;
  let place = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(c.codePointAt(0) - place - 1))) place += 1;
  return String(place % 10);
}

/** Settle on the unit of a cell: its own, or the declared one; the two must mean the same. */
function oneUnit(variable, raw, written, declared) {
  if (!written) return declared;
  const factor = factorOf(variable, written, raw);
  if (declared !== null && unitFactor(variable.quantity, declared) !== factor) {
    throw new CellError(`${variable.name} is declared in ${declared}`, raw, "use the declared unit in every row");
  }
  return written;
}

function factorOf(variable, unit, raw) {
  const factor = unit === null ? 1 : unitFactor(variable.quantity, unit);
  if (factor !== null) return factor;
  const rule = `the unit of ${variable.name} must be one of ${variable.quantity.spellings.slice(0, 8).join(", ")}`;
  throw new CellError(rule, raw, `write for example '${variable.example}'`);
}

/** Range, detection limit and notes of a number. */
function measured(variable, written) {
  const factor = factorOf(variable, written.unit, written.unit);
  const value = canonical(variable, written, factor);
  const judged = written.isLimit ? Math.max(value, variable.soft[0]) : value; // "<0.001" is a good assay
  const notes = [...assumed(variable, written), ...unusual(variable, judged)];
  if (written.isLimit) {
    if (variable.left_censored) return below(variable, value, notes);
    throw new CellError(`${variable.name} cannot be 'below a limit'`, written.raw, "write the value");
  }
  if (!variable.left_censored) return reading(value, null, notes);
  const limit = variable.limit_of_detection;
  if (value === 0) {
    const coarsest = variable.resolution || COARSEST_STEP;
    const step = written.decimals === null ? coarsest : Math.min(10 ** -written.decimals * factor, coarsest);
    return below(variable, limit || step / 2);
  }
  if (limit === null || value >= limit) return reading(value, null, notes);
  const text = `${variable.name} ${showQuantity(variable.quantity, value)} lies below the detection limit`;
  return reading(value, limit, [note("below_detection", text), ...notes]);
}

/** The number in the canonical unit, inside the range the dictionary allows. */
function canonical(variable, written, factor) {
  const inverse = 1 / factor,
    whole = Math.round(inverse);
  // Dividing by the whole number keeps 0.52 % at 0.0052; multiplying by 0.01 would give 0.005200000000000001.
  const byDivision = factor < 1 && Math.abs(inverse - whole) <= 1e-9 * Math.max(inverse, whole);
  const value = byDivision ? written.number / whole : written.number * factor;
  const [low, high] = variable.hard;
  if (!(low <= value && value <= high)) {
    const shown = `${showQuantity(variable.quantity, low)} to ${showQuantity(variable.quantity, high)}`;
    const isShare = variable.quantity.name === "fraction" && factor === 1;
    const remedy = isShare ? "give the unit (is it in %?)" : "check the value and its unit";
    throw new CellError(`${variable.name} must lie in ${shown}`, written.raw, remedy);
  }
  if (variable.kind === "integer" && !Number.isInteger(value)) {
    throw new CellError(`${variable.name} must be a whole number`, written.raw, "check the value");
  }
  return value;
}

/** Say that a bare fraction was read as one: 0.52 may have been meant as 0.52 %. */
function assumed(variable, written) {
  if (written.unit !== null || variable.quantity.name !== "fraction" || written.number === 0) return [];
  const shown = showQuantity(variable.quantity, written.number);
  const text = `${variable.name} ${general(written.number)} without a unit was read as a fraction: ${shown}`;
  return [note("unit_assumed", text)];
}

/** A value under a limit L is carried as L / sqrt(2) (Hornung & Reed, Appl Occup Environ Hyg 1990;5:46-51). */
function below(variable, limit, notes = []) {
  if (limit <= 0) {
    throw new CellError(
      `${variable.name} needs the limit it lies below`,
      "<0",
      `write for example '<${variable.example}'`,
    );
  }
  const text = `${variable.name} is below ${showQuantity(variable.quantity, limit)}; how far below is not known`;
  return reading(limit / Math.SQRT2, limit, [note("below_detection", text), ...notes]);
}

function unusual(variable, value) {
  const [low, high] = variable.soft;
  if ((low <= value && value <= high) || (variable.left_censored && value === 0)) return [];
  const usual = `${showQuantity(variable.quantity, low)} to ${showQuantity(variable.quantity, high)}`;
  const shown = showQuantity(variable.quantity, value);
  const text = `${variable.name} ${shown} is outside the usual ${usual}: check the unit`;
  return [note("unusual_value", text)];
}
