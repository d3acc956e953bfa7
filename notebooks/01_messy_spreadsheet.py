# %% [markdown]
# # 1. From a messy spreadsheet to a checked cohort
#
# A hospital sends a spreadsheet: its own column names, percent signs, decimal commas, "neg" and "ND", and a few
# typing errors. riskml reads it through a short **column map** that you review, names every fault at once, and
# guesses nothing.
#
# No patient is needed to follow along: the spreadsheet is made here from simulated children.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import riskml
from riskml.cli.main import main as command  # the command `riskml`, called from Python
from riskml.cohort.checks.run import run_checks
from riskml.cohort.simulate import simulate

# %% [markdown]
# ## The spreadsheet
#
# Sixty simulated children, one row for each course, as a German ward might type them. MRD (the share of leukaemia
# cells left in the marrow) is written in percent with a decimal comma, and "neg" below 0.01 %. Two cells are typing
# errors, and one hospital has typed its CD19+ cells a thousand times too small.

# %%
true = simulate(patients=60, seed=4).clean
percent = (100 * true["mrd"]).map("{:.2f} %".format).str.replace(".", ",").mask(true["mrd"] < 1e-4, "neg")
months = (12 * true["age"]).round().astype(int)
other_unit = np.where(true["centre"] == true["centre"].iloc[0], 1, 1000)
sheet = true[["patient_id", "centre", "cycle_index"]].assign(
    **{
        "age (mons)": months.mask(true.index == 20, 1999),
        "Geschlecht": true["sex"].map({"female": "w", "male": "m"}),
        "Status": true["disease_status_at_start"],
        "MRD KM": percent.mask(true.index == 12, "250 %"),
        "Ph": true["bcr_abl1"].map({1.0: "pos", 0.0: "neg"}).mask(true.index % 7 == 3, "ND"),
        "CD19 [/uL]": (true["cd19"] * other_unit).round(3),
        "CD3": (1000 * true["cd3"]).map("{:.0f}".format).mask(true.index % 4 == 1, ""),
        "Ansprechen": true["response"],
        "Bemerkung": "",
    }
)
sheet.to_csv("export.csv", index=False)
print(sheet.drop(columns="Bemerkung").head(4).to_string(index=False))

# %% [markdown]
# ## A first draft of the map
#
# `riskml check export.csv --propose draft.toml` looks at names and values and fills in what is certain. What is not,
# it asks: those lines begin with `# ASK`.

# %%
command(["check", "export.csv", "--propose", "draft.toml", "--force"])
draft = Path("draft.toml").read_text(encoding="utf-8")
print(*[line for line in draft.splitlines() if "ASK" in line or line.startswith('"')], sep="\n")

# %% [markdown]
# You answer. "Ph" for the Philadelphia chromosome was found; which status "Status" is, only you know.

# %%
Path("map.toml").write_text(
    """
source = "the export of this notebook, simulated"

[columns]
patient_id = "patient_id"
centre = "centre"
cycle_index = "cycle_index"
"age (mons)" = { name = "age", unit = "mons" }
Geschlecht = { name = "sex", codes = { w = "female", m = "male" } }
Status = "disease_status_at_start"
"MRD KM" = "mrd"
Ph = "bcr_abl1"
"CD19 [/uL]" = { name = "cd19", unit = "/uL" }
CD3 = { name = "cd3", unit = "/uL" }
Ansprechen = "response"

[constants]
data_origin = "synthetic"

[ignore]
columns = ["Bemerkung"]
""",
    encoding="utf-8",
)

# %% [markdown]
# ## Refused, with every fault at once
#
# Faults are named by row and column as the spreadsheet shows them, never by patient, so that this text may be mailed
# back.

# %%
try:
    riskml.read_cohort("export.csv", columns="map.toml")
except riskml.RiskmlError as refused:
    print(refused)

# %% [markdown]
# The ward looks the two rows up and corrects them.

# %%
sheet["MRD KM"] = percent
sheet["age (mons)"] = months
sheet.to_csv("export.csv", index=False)
cohort = riskml.read_cohort("export.csv", columns="map.toml")
print("\n".join(cohort.describe()))

# %% [markdown]
# ## What no single cell shows
#
# Every cell is possible now, and something is still wrong. `run_checks` (the same as `riskml check`) looks at columns
# and rows together. It finds the hospital that typed another unit. It never changes data: correcting is up to you.

# %%
findings = run_checks(cohort, landmark="first_dose", outcome="non_response")
for finding in findings:
    print(f"{finding.level}: {finding}\n")

# %%
before = cohort.frame["cd19"]
sheet["CD19 [/uL]"] = (1000 * true["cd19"]).round(3)
sheet.to_csv("export.csv", index=False)
cohort = riskml.read_cohort("export.csv", columns="map.toml")
left = {finding.code for finding in run_checks(cohort, landmark="first_dose", outcome="non_response")}
print("found before and gone now:", *sorted({finding.code for finding in findings} - left))

# %% [markdown]
# ## A look at the checked cohort
#
# Left: CD19+ cells before and after; the little heap far to the left was the other unit. Right: what is not known. A
# lesion that was not tested ("ND") is unknown, never absent.

# %%
figure, (cells, gaps) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
edges = np.logspace(-6, 1, 36)
cells.hist(before, bins=edges, color="0.75", label="as typed")
cells.hist(cohort.frame["cd19"], bins=edges, histtype="step", color="C0", linewidth=1.6, label="corrected")
cells.set(xscale="log", xlabel="CD19+ B cells, 10^9/L", ylabel="courses")
cells.legend(frameon=False)
unknown = 100 * cohort.frame.isna().mean().sort_values()
gaps.barh(unknown.index, unknown, color="C0")
gaps.set(xlabel="not known, % of courses", xlim=(0, 100))
plt.show()

# %% [markdown]
# The cohort is ready: [notebook 2](02_three_models.py) trains on one like it.
