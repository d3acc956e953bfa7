// The page: checks itself against the golden patients, reads the two forms, and shows the answer. Nothing is kept.

const find = (id) => document.getElementById(id);
const SIDES = ["given", "instead"];

/** The values of one form, as the other doors take them; what is blank or unknown is left out. */
function patientOf(side, { variables }) {
  const found = {};
  for (const name of Object.keys(variables)) {
    const control = find(`${side}-${name}`),
      unit = find(`${side}-${name}-unit`);
    const text = control.tagName === "FIELDSET" ? control.querySelector("input:checked").value : control.value;
    if (text.trim() !== "") found[name] = unit ? { value: text, unit: unit.value } : text;
  }
  return found;
}

/** Mark each field of a form with what is wrong about it, and say how many there are. */
function showFaults(side, { variables }, faults) {
  for (const name of Object.keys(variables)) {
    const mine = faults.filter(({ inputs }) => inputs.includes(name)),
      place = find(`${side}-${name}-error`);
    const control = find(`${side}-${name}`);
    place.textContent = mine.map(({ rule, remedy }) => `${named(variables[name], rule)}: ${remedy}.`).join(" ");
    place.hidden = !mine.length;
    if (mine.length) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  }
}

/** Parse, predict and show; false where a value was refused. */
function update(bundle, average, sides) {
  const patients = sides.map((side) => patientOf(side, bundle)),
    answers = find("answers"),
    status = find("status");
  answers.replaceChildren();
  const refused = sides.filter((side, k) => {
    try {
      readPatient(bundle, patients[k]);
      showFaults(side, bundle, []);
      return false;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      showFaults(side, bundle, error.faults);
      return true;
    }
  });
  find("stale").hidden = true;
  status.className = refused.length ? "estimate" : "heard"; // the answer says it again for those who see
  if (refused.length) {
    status.textContent = "No estimate: a value was refused. What is wrong stands below the field.";
    return false;
  }
  const [given, instead] = patients,
    now = new Date();
  const first = predict(bundle, given),
    parts = [answerOf(first, bundle, average, instead ? "As given" : "This patient")];
  status.textContent = headline(first);
  if (instead) {
    const second = predict(bundle, instead, { asGiven: given });
    parts.push(answerOf(second, bundle, average, "With the other values"));
    answers.append(comparisonOf(second, bundle));
    status.textContent = `As given: ${headline(first)} With the other values: ${headline(second)}`;
  }
  const minutes = new Intl.DateTimeFormat("en-CA", { dateStyle: "short", timeStyle: "short", hourCycle: "h23" }).format(
    now,
  );
  answers.append(
    el("div", { class: instead ? "sides" : "" }, ...parts),
    recordOf(
      bundle,
      patients.map((patient) => readPatient(bundle, patient)),
      `Computed ${minutes.replace(",", "")}`,
    ),
  );
  return true;
}

/** Copy the values of the first form into the second. */
function copyForm() {
  const [from, to] = SIDES.map((side) =>
    [...find(side).elements].filter((item) => ["INPUT", "SELECT"].includes(item.tagName)),
  );
  from.forEach((item, k) => {
    if (item.type === "radio") to[k].checked = item.checked;
    else to[k].value = item.value;
  });
}

/** Show nothing but why: a number from a page that failed would be believed. */
function giveUp(reason) {
  find("app").hidden = true;
  find("answers").replaceChildren();
  find("check").textContent =
    `This calculator does not work in this browser and shows nothing: ${reason}. Use riskml predict.`;
}

/** A handler that ends in an answer or in giving up. */
function guarded(handle) {
  return (event) => {
    try {
      handle(event);
    } catch (error) {
      giveUp(error.message);
    }
  };
}

function start() {
  const bundle = openBundle(JSON.parse(find("bundle").textContent)),
    wrong = failedGolden(bundle);
  if (wrong !== null) return giveUp(wrong);
  find("check").textContent =
    `Checked just now in this browser: the ${bundle.golden.length} invented patients in this file ` +
    "get the answers they must get.";
  const { review_by: reviewBy } = bundle.manifest;
  find("overdue").hidden = !(reviewBy && new Date().toISOString().slice(0, 10) > reviewBy);
  listen(bundle, predict(bundle, {}));
  find("app").hidden = false;
}

function listen(bundle, average) {
  let isAsked = false;
  const on = (id, type, handle) => find(id).addEventListener(type, guarded(handle));
  const sides = () => SIDES.filter((side) => !find(side).hidden);
  const again = () => {
    if (isAsked) update(bundle, average, sides());
  };
  for (const side of SIDES) {
    on(side, "submit", (event) => {
      event.preventDefault();
      isAsked = true;
      find("answer").hidden = false;
      const isShown = update(bundle, average, sides());
      (isShown ? find("answer-heading") : document.querySelector("[aria-invalid]")).focus();
    });
    on(side, "input", () => {
      find("stale").hidden = !isAsked;
    });
    on(side, "change", again);
  }
  on("compare", "click", () => {
    const isOff = find("instead").hidden;
    if (isOff) copyForm();
    ["instead", "given-heading"].forEach((id) => {
      find(id).hidden = !isOff;
    });
    find("forms").className = isOff ? "sides" : "";
    find("compare").textContent = isOff ? "Stop comparing" : "Compare with other values";
    find("compare").setAttribute("aria-expanded", String(isOff));
    again();
  });
  const clear = () => {
    SIDES.forEach((side) => {
      find(side).reset();
      showFaults(side, bundle, []);
    });
    find("answers").replaceChildren();
    find("status").textContent = "";
    find("answer").hidden = true;
    isAsked = false;
  };
  on("clear", "click", clear);
  on("print", "click", () => window.print());
  window.addEventListener("pagehide", clear); // a page that the browser brings back is empty
}

try {
  start();
} catch (error) {
  giveUp(error.message);
}
