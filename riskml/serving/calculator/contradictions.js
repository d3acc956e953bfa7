// Values of one patient that contradict each other: what cannot be true is refused, what hardly can be is remarked.
// The same rules and words as riskml.runtime.contradictions.

const WHOLES = { cd3: ["cd4", "cd8"], lymphocytes: ["cd3", "cd19", "nk"] };
const PERCENTAGES = ["cd3", "cd4", "cd8", "nk", "cd19"];
const PLOIDIES = ["high_hyperdiploidy", "near_haploidy", "low_hypodiploidy"];
const GROUPS = {
  // what each level of cytogenetic_group says of lesions
  ph_pos: { bcr_abl1: 1 },
  other_poor: { bcr_abl1: 0 },
  good: { bcr_abl1: 0, kmt2a_r: 0, tcf3_hlf: 0 },
};

/** Everything in a patient's readings that does not go together; what cannot be true is `impossible`. */
function contradictions(variables, readings) {
  if (readings.size < 2) return [];
  const value = (name) => readings.get(name)?.value ?? null,
    limit = (name) => readings.get(name)?.below ?? null;
  const number = (name) => (typeof value(name) === "number" ? value(name) : null);
  const measuredNumber = (name) => (limit(name) === null ? number(name) : null);
  const against = (code, inputs, rule, impossible = false) => {
    const shown = inputs.map((name) => show(variables[name], value(name), limit(name))).join(", ");
    return { code, inputs, shown, rule, impossible };
  };
  const patient = { value, limit, number, measured: measuredNumber, against };
  return [...ofLesions(patient), ...ofDetection(patient, variables), ...ofCounts(patient), ...ofMarrow(patient)];
}

function ofLesions({ value, measured: known, against }) {
  const found = [],
    ratio = known("bcr_abl1_ratio"),
    group = value("cytogenetic_group");
  if (value("bcr_abl1") === 0 && ratio !== null && ratio > 0) {
    const rule = "a lesion that is absent has no transcripts";
    found.push(against("transcript_without_lesion", ["bcr_abl1", "bcr_abl1_ratio"], rule, true));
  }
  for (const [lesion, state] of Object.entries(has(GROUPS, group) ? GROUPS[group] : {})) {
    if (value(lesion) === null || value(lesion) === state) continue;
    const rule = `${group} means that ${lesion} is ${state ? "present" : "absent"}`;
    found.push(against("group_against_lesion", ["cytogenetic_group", lesion], rule, true));
  }
  if (value("ph_like") === 1 && value("bcr_abl1") === 1) {
    found.push(against("ph_like_with_ph", ["ph_like", "bcr_abl1"], "Ph-like is defined by the absence of BCR::ABL1"));
  }
  const ploidies = PLOIDIES.filter((name) => value(name) === 1);
  if (ploidies.length > 1) found.push(against("several_ploidies", ploidies, "one clone has one number of chromosomes"));
  return found;
}

/** MRD given twice: as a number, and as lying below its limit or not. */
function ofDetection({ value, limit, number, measured: known, against }, variables) {
  const found = [],
    flag = value("mrd_below_lod"),
    stated = number("mrd_lod"),
    mrd = known("mrd");
  const least = stated || (variables.mrd?.limit_of_detection ?? null);
  if (flag === 1 && mrd !== null && least !== null && mrd > least) {
    const names = ["mrd_below_lod", "mrd", ...(stated ? ["mrd_lod"] : [])];
    const rule = `the number lies above the limit ${stated ? "given" : "of the method"}`;
    found.push(against("mrd_against_limit", names, rule, true));
  }
  if (flag === 0 && stated === null && limit("mrd") !== null) {
    const rule = "the value is given as lying below its limit";
    found.push(against("mrd_against_limit", ["mrd_below_lod", "mrd"], rule, true));
  }
  return found;
}

function ofCounts({ number, measured: known, against }) {
  const found = [];
  for (const [whole, parts] of Object.entries(WHOLES)) {
    const total = number(whole),
      given = parts.filter((part) => number(part) !== null);
    if (total !== null && given.length && sum(given.map(number)) > 1.15 * total + 0.015) {
      const rule = `parts add up to more than ${whole}, their whole`;
      found.push(against("parts_exceed_whole", [...given, whole], rule));
    }
  }
  const ratio = number("cd4_cd8_ratio"),
    cd4 = known("cd4"),
    cd8 = known("cd8");
  if (ratio !== null && cd4 !== null && cd8 !== null) {
    const made = ratio * cd8;
    if ((made > 1.1 * cd4 || 1.1 * made < cd4) && Math.abs(made - cd4) > 0.05 * cd8) {
      found.push(against("ratio_differs", ["cd4_cd8_ratio", "cd4", "cd8"], "the ratio is not that of the counts"));
    }
  }
  const lymphocytes = known("lymphocytes");
  for (const name of lymphocytes === null ? [] : PERCENTAGES) {
    const share = known(`${name}_pct`),
      part = known(name);
    if (share === null || part === null) continue;
    const apart = Math.abs(share * lymphocytes - part);
    if (apart > 0.03 * lymphocytes && apart > 0.25 * share * lymphocytes) {
      const rule = `the percentage is not ${name} / lymphocytes`;
      found.push(against("percent_differs", [`${name}_pct`, name, "lymphocytes"], rule));
    }
  }
  return found;
}

/** Status at first dose against the marrow it is defined by. */
function ofMarrow({ value, limit, number, measured: known, against }) {
  const found = [],
    status = value("disease_status_at_start"),
    blasts = number("bm_blasts"),
    mrd = known("mrd");
  const add = (other, rule) => found.push(against("status_against_marrow", ["disease_status_at_start", other], rule));
  if (["CR-MRDpos", "CR-MRDneg"].includes(status) && blasts !== null && blasts >= 0.05) {
    add("bm_blasts", "remission means fewer than 5 % blasts");
  }
  if (status === "CR-MRDneg" && mrd !== null && mrd >= 1e-4) add("mrd", "MRD-negative means less than 0.01 %");
  if (status === "CR-MRDpos" && limit("mrd") !== null) {
    add("mrd", "MRD-positive with MRD below its limit: another method may have seen it");
  }
  return found;
}
