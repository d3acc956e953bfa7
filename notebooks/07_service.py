# %% [markdown]
# # 7. Embed it in a service
#
# Three ways into other software, all with the same answer: a Python call, one JSON object in and one out, and HTTP. A
# prediction needs nothing but Python, opens no network connection and keeps nothing of a patient.

# %%
import json
import threading
import time
import urllib.request

import matplotlib.pyplot as plt
import uvicorn  # comes with: pip install '.[serve]' in the checkout

import riskml
from riskml.resources import folder
from riskml.runtime.schema import patient_schema
from riskml.serving.app import build_app
from riskml.serving.models import Models

# %% [markdown]
# ## In your process
#
# Open once, at the start: the bundle is verified then (digests, and its own example patients must come back). After
# that it never changes, and any number of threads may ask it.

# %%
bundle = riskml.open_bundle(riskml.shipped("efs"))
patient = {"age": "6.4 a", "mrd": "0.52 %", "bcr_abl1": "absent", "cd3": "300 /uL"}
answer = bundle.predict(patient).as_dict()
print(json.dumps(answer["estimate"], indent=1))
print("model", answer["model"]["name"], answer["model"]["digest"][:19], "- log this with every answer")

# %% [markdown]
# Show the whole answer: the interval, what it is not for, whether the patient is like those the model has learned
# from, and the warnings. They are part of it.

# %%
for line in answer["not_for"]:
    print("not for:", line)
print("inside what the model knows:", answer["domain"]["inside"])
for warning in answer["warnings"]:
    print("warning:", warning["code"])

# %% [markdown]
# ## What to ask for
#
# The bundle says what a form has to ask, with units and ranges, as JSON Schema.

# %%
asked = {name: item for name, item in patient_schema(bundle)["properties"].items() if item["x-role"] == "input"}
print("inputs:", ", ".join(asked))

# %% [markdown]
# ## What is refused
#
# A mistake of the caller is named by field and rule, never with what a patient is called: it may go into a log.

# %%
try:
    bundle.predict({"mdr": "0.5 %", "age": "6 parsec"})
except riskml.RiskmlError as refused:
    print(refused)

# %% [markdown]
# ## How long it takes
#
# A hundred answers in a row, with explanation and interval.

# %%
taken = []
for percent in range(1, 101):
    start = time.perf_counter()
    bundle.predict({**patient, "mrd": f"{percent / 10} %"})
    taken.append(1000 * (time.perf_counter() - start))
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.hist(taken, bins=30, color="C0")
axes.set(xlabel="milliseconds a prediction", ylabel="predictions")
plt.show()

# %% [markdown]
# ## Over HTTP
#
# `riskml serve models` starts this service from the command line, with limits, keys, logs and metrics
# (`docs/serving.md`). Here the same application runs in a thread, on a free port of this machine.

# %%
app = build_app(Models(folder("models")))
server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
thread = threading.Thread(target=server.run, daemon=True)
thread.start()
while not server.started:
    time.sleep(0.01)
home = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


def ask(model: str, body: dict) -> dict:
    """What the service answers to one request."""
    request = urllib.request.Request(
        f"{home}/v1/models/{model}/predict", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


over_http = ask("efs", {"patient": patient})
assert over_http["estimate"] == answer["estimate"], "every door gives the same answer"

# %% [markdown]
# A web page of yours may draw it. Three children who differ in nothing but their MRD:

# %%
figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
months = [1, 2, 3, 6, 9, 12, 18, 24]
for mrd in ("<0.01 %", "0.5 %", "20 %"):
    estimate = ask("efs", {"patient": {**patient, "mrd": mrd}, "at": months})["estimate"]
    (line,) = axes.plot([0, *months], [1, *estimate["value"]], label=f"MRD {mrd}")
    axes.fill_between(months, estimate["low"], estimate["high"], alpha=0.12, color=line.get_color())
axes.set(xlabel="months", ylabel="event-free", ylim=(0, 1.02), xticks=range(0, 25, 6))
axes.legend(frameon=False, loc="lower left")
plt.show()

# %%
server.should_exit = True
thread.join()

# %% [markdown]
# More: `docs/embedding.md` (threads, processes, reload), `docs/fhir.md` and `docs/cds_hooks.md` (hospital standards),
# `docs/calculator.md` (one HTML file without any network), `docs/security.md` (what may be said to whom).
