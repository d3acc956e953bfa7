"""Bundles: they come back whole, and nothing that was changed, cut, newer or misshapen is ever believed."""

from __future__ import annotations

import random
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from riskml.cohort.cohort import cohort_from_table, read_cohort
from riskml.cohort.column_map import ColumnMap
from riskml.cohort.read import read_csv
from riskml.errors import BundleError, UsageError
from riskml.resources import folder
from riskml.runtime import bundle as bundle_module
from riskml.runtime.bundle import EXPLANATION, FILES, MANIFEST, open_bundle, seal, shipped
from riskml.runtime.inputs import known_values, read_inputs
from riskml.runtime.model import Feature
from riskml.runtime.questions import at_months, interval
from riskml.runtime.score import value
from tests.runtime.models import SHIPPED, bundle_of, logistic, plain_model, shipped_bundle

ALL = (MANIFEST, *FILES)


@pytest.fixture
def home(tmp_path):
    """A copy of a shipped bundle that a test may damage."""
    return Path(shutil.copytree(shipped("non_response"), tmp_path / "bundle"))


def tiny(intercept):
    """A bundle with one input; the intercept tells two of them apart."""
    model = plain_model([logistic(intercept, 0.3)], {(2.0,): 0.5, (9.0,): 0.5}, bootstrap=[logistic(intercept, 0.2)])
    return bundle_of(model, [{"age": "6 a"}, {}])


# --- there and back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_bundles_open_and_give_their_golden_predictions(name):
    bundle = shipped_bundle(name)
    assert len(bundle.golden) >= 3
    for entry in bundle.golden:
        known = known_values(bundle, read_inputs(bundle.dictionary, entry["patient"]))
        centre = value(bundle.model, known, entry["times"])
        assert centre == pytest.approx(entry["value"], abs=1e-12)
        prediction = bundle.predict(entry["patient"], explain=False)
        assert prediction.value == tuple(centre)
        if "low" in entry:
            low, high = interval(at_months(bundle.model, entry["times"]), known, centre)
            assert (low, high) == (pytest.approx(entry["low"], abs=1e-12), pytest.approx(entry["high"], abs=1e-12))


@pytest.mark.parametrize("name", SHIPPED)
def test_saving_what_was_opened_gives_the_same_bytes(name, tmp_path):
    written = shipped_bundle(name).save(tmp_path / "again")
    files = {p.name for p in shipped(name).iterdir()}
    assert {p.name for p in written.iterdir()} == files >= set(ALL)
    for file in files:
        assert (written / file).read_bytes() == (shipped(name) / file).read_bytes()


def test_a_bundle_opens_from_its_folder_the_folder_around_it_and_a_zip_of_either(tmp_path):
    saved = tiny(0.5)
    saved.save(tmp_path / "model" / "bundle")
    places = [tmp_path / "model" / "bundle", tmp_path / "model", str(tmp_path / "model")]
    for number, root in enumerate(places[:2]):
        places.append(Path(shutil.make_archive(str(tmp_path / f"zip{number}"), "zip", root)))
    assert len(places) == 5
    for place in places:
        opened = open_bundle(place)
        assert opened == saved
        assert opened.digest == saved.digest
        assert opened.digest.startswith("sha256:")


def test_shipped_names_what_there_is():
    with pytest.raises(UsageError, match=r"no bundle 'relapse' ships with riskml; there are efs, .*icans, "):
        shipped("relapse")


# --- damage -----------------------------------------------------------------------------------------------------------


def refused(path, match=None):
    with pytest.raises(BundleError, match=match) as caught:
        open_bundle(path)
    assert caught.value.exit_code == 4
    assert str(caught.value)


@pytest.mark.parametrize("name", ALL)
def test_any_changed_byte_is_refused(home, name):
    whole = (home / name).read_bytes()
    draw = random.Random(20240711)
    # The places that carry most, and a sample of the rest: the digest and format, the end, then anywhere.
    places = [*range(16), len(whole) - 1, *draw.sample(range(len(whole)), 24)]
    if name == MANIFEST:
        places += [whole.index(b"sha256:") + k for k in range(0, 71, 10)]
    for place in places:
        for change in (whole[place] ^ 1, whole[place] ^ 0x20, draw.randrange(256)):
            if change != whole[place]:
                (home / name).write_bytes(whole[:place] + bytes([change]) + whole[place + 1 :])
                refused(home)
    (home / name).write_bytes(whole)
    open_bundle(home)


@pytest.mark.parametrize("name", ALL)
def test_a_cut_grown_or_empty_file_is_refused(home, name):
    whole = (home / name).read_bytes()
    for content in (b"", whole[:1], whole[: len(whole) // 2], whole[:-1], whole + b"\n", whole + whole):
        (home / name).write_bytes(content)
        refused(home)


@pytest.mark.parametrize("name", ALL)
def test_a_missing_file_is_named(home, name):
    (home / name).unlink()
    refused(home, name)


def test_files_of_two_bundles_do_not_mix(home):
    for name in FILES:
        whole = (home / name).read_bytes()
        shutil.copy(shipped("icans") / name, home / name)
        refused(home, f"{name} is not the file its manifest describes")
        (home / name).write_bytes(whole)


def test_nothing_at_a_path_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"there is no bundle at .*: name the folder or \.zip that riskml train"):
        open_bundle(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"there is no bundle at efs: .*efs.bundle ships with riskml"):
        open_bundle("efs")


def test_what_is_no_bundle_is_refused(tmp_path):
    refused(tmp_path, "it lacks manifest.json, model.json, golden.json, CARD.md")
    refused(shipped("icans").parents[1], f"there are bundles in it: give one, such as {shipped('efs')}")
    (tmp_path / "patient.json").write_text("{}", encoding="utf-8")
    refused(tmp_path / "patient.json", "the bundle comes first, the patient second")
    for name, content in {"text.zip": b"no zip", "empty.zip": b"", "cut.zip": b"PK\x03\x04" + bytes(50)}.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, "neither a bundle folder nor a .zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("manifest.json", "{}")
    refused(tmp_path / "other.zip", "neither")


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_or_damaged_zip_is_refused(home, tmp_path, cut):
    archive = Path(shutil.make_archive(str(tmp_path / "bundle"), "zip", home))
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(cut * len(whole))])
    refused(archive)
    place = int(min(cut, 0.9) * len(whole))  # inside the compressed data of a file
    archive.write_bytes(whole[:place] + bytes(byte ^ 0xFF for byte in whole[place : place + 8]) + whole[place + 8 :])
    refused(archive)


def test_any_damage_to_a_zip_is_refused_or_harmless(tmp_path):
    saved = tiny(0.5)
    archive = Path(shutil.make_archive(str(tmp_path / "bundle"), "zip", saved.save(tmp_path / "bundle")))
    whole, draw = archive.read_bytes(), random.Random(20240712)
    for place in draw.sample(range(len(whole)), 300):  # names, sizes, methods and dates stand in there, too
        archive.write_bytes(whole[:place] + bytes([draw.randrange(256)]) + whole[place + 1 :])
        try:
            assert open_bundle(archive) == saved
        except BundleError:
            continue


def test_a_bundle_that_was_changed_after_sealing_is_not_saved(tmp_path):
    with pytest.raises(BundleError, match=r"CARD\.md is not the file"):
        tiny(0.5).with_(card="# Better than it is").save(tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_a_zip_that_unpacks_to_gigabytes_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_module, "MAX_BYTES", 1000)
    tiny(0.5).save(tmp_path / "bundle")
    refused(tmp_path / "bundle", "larger than any riskml writes")
    refused(shutil.make_archive(str(tmp_path / "bundle"), "zip", tmp_path / "bundle"), "unpacks to more")


# --- what the inputs do over the cohort -------------------------------------------------------------------------------


def told(explanation=None):
    """A bundle with an explanation of its cohort."""
    bundle = tiny(0.5)
    manifest = {name: part for name, part in bundle.manifest.items() if name not in {"files", "digest", "format"}}
    told = {"schema": "riskml.explanation/1", "inputs": [{"input": "age", "label": "Größe µ"}]}
    return seal(manifest, bundle.model, bundle.golden, bundle.card, told if explanation is None else explanation)


def test_the_explanation_travels_as_a_fifth_file_and_comes_back(tmp_path):
    bundle = told()
    assert bundle.explanation["inputs"][0]["label"] == "Größe µ"
    home = bundle.save(tmp_path / "bundle")
    assert {path.name for path in home.iterdir()} == {*ALL, EXPLANATION}
    archive = Path(shutil.make_archive(str(tmp_path / "bundle"), "zip", home))
    for place in (home, archive):
        assert open_bundle(place) == bundle
    tiny(0.1).save(home)
    assert {path.name for path in home.iterdir()} == set(ALL), "the file of the older bundle is gone with it"


def test_a_bundle_without_an_explanation_opens(tmp_path):
    opened = open_bundle(tiny(0.5).save(tmp_path / "bundle"))
    assert opened.explanation is None
    assert EXPLANATION not in opened.manifest["files"]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("how", ["changed", "taken away", "emptied", "added"])
def test_an_explanation_that_is_not_the_sealed_one_is_refused(tmp_path, how, zipped):
    home = (tiny(0.5) if how == "added" else told()).save(tmp_path / "bundle")
    file = home / EXPLANATION
    if how == "taken away":
        file.unlink()
    else:
        file.write_text({"emptied": "", "added": "{}"}.get(how, "{ }"), encoding="utf-8")
    place = shutil.make_archive(str(tmp_path / "bundle"), "zip", home) if zipped else home
    refused(place, r"explanation.json is not the file its manifest describes")


def test_an_explanation_that_is_no_object_is_refused_when_it_is_asked_for():
    assert told().with_(explanation_text="").explanation is None
    with pytest.raises(BundleError, match=r"explanation\.json is not JSON"):
        _ = told().with_(explanation_text="{").explanation
    with pytest.raises(BundleError, match=r"explanation\.json is not a JSON object"):
        _ = told().with_(explanation_text="[]").explanation


def test_a_prediction_does_not_read_it(monkeypatch):
    bundle = told()
    monkeypatch.setattr(bundle_module, "json_object", None)
    assert 0 < bundle.predict({"age": "6 a"}).value[0] < 1


# --- saving -----------------------------------------------------------------------------------------------------------


def test_saving_replaces_an_older_bundle_and_leaves_nothing_beside_it(tmp_path):
    tiny(0.1).save(tmp_path / "bundle")
    (tmp_path / "bundle" / "estimator.joblib").write_bytes(b"of the old bundle")
    second = tiny(0.2)
    second.save(tmp_path / "bundle")
    assert open_bundle(tmp_path / "bundle") == second
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]
    assert {p.name for p in (tmp_path / "bundle").iterdir()} == set(ALL)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["disk", "ctrl-c"])
@pytest.mark.parametrize(
    ("method", "after"), [("mkdir", 0), *(("write_bytes", k) for k in range(4)), ("rename", 0), ("rename", 1)]
)
def test_an_interrupted_save_leaves_the_old_bundle_whole_and_no_litter(tmp_path, monkeypatch, method, error, after):
    first = tiny(0.1)
    first.save(tmp_path / "bundle")
    real, calls = getattr(Path, method), []

    def failing(self, *args, **kwargs):
        calls.append(self)
        if len(calls) == after + 1:
            raise error
        return real(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, method, failing)
        patch.setattr("riskml.runtime.files._exchanged", lambda *_: False)  # in one step there is nothing to interrupt
        with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else UsageError):
            tiny(0.2).save(tmp_path / "bundle")
    assert open_bundle(tmp_path / "bundle") == first
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]
    tiny(0.2).save(tmp_path / "bundle")
    assert open_bundle(tmp_path / "bundle") == tiny(0.2)


@pytest.mark.parametrize("names", [["thesis.docx"], ["manifest.json", "index.html"], ["model.json"]])
def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("precious")
    with pytest.raises(UsageError, match="exists and is not a bundle"):
        tiny(0.1).save(tmp_path)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == dict.fromkeys(names, "precious")


def test_places_that_cannot_hold_a_bundle_are_usage_errors(tmp_path):
    (tmp_path / "file").write_text("precious")
    for place in (tmp_path / "file", tmp_path / "file" / "bundle"):
        with pytest.raises(UsageError):
            tiny(0.1).save(place)
    assert (tmp_path / "file").read_text() == "precious"


def test_an_empty_folder_a_new_folder_and_a_link_are_places(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("empty", "new/er", "link"):
        assert tiny(0.1).save(tmp_path / name) == tmp_path / name
        assert open_bundle(tmp_path / name) == tiny(0.1)
    assert (tmp_path / "link").is_symlink()


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


@pytest.mark.parametrize("name", ["non_response", "icans", "efs"])
def test_a_scored_cohort_equals_its_patients_one_by_one(name, embedded):
    bundle = shipped_bundle(name)
    scores = bundle.score(embedded)
    times = tuple(bundle.manifest["horizons_months"])
    columns = [f"survival_{t:g}_months" for t in times] or ["risk"]
    assert list(scores.columns) == ["row", *columns]
    assert scores["row"].tolist() == embedded.row_numbers.tolist()
    frame = embedded.frame[list(bundle.model.inputs)].astype(object)
    frame = frame.where(frame.notna(), None)
    for index in range(len(frame)):
        known = {n: v for n, v in frame.iloc[index].items() if v is not None}
        assert value(bundle.model, known, times) == pytest.approx(scores.loc[index, columns].tolist(), abs=1e-9)


def test_scores_can_be_asked_for_at_other_months(embedded):
    scores = shipped_bundle("efs").score(embedded, at=np.array([0.0, 3.0]))
    assert list(scores)[1:] == ["survival_0_months", "survival_3_months"]
    assert scores["survival_0_months"].tolist() == pytest.approx([1.0] * len(scores), abs=1e-12)


# --- no patient row leaves --------------------------------------------------------------------------------------------


def assert_no_row_of(cohort, bundle):
    """No prototype equals the canonical values of a patient of whom every input is known, not even rounded."""
    inputs = list(bundle.model.inputs)
    complete = cohort.frame[inputs].dropna()
    assert len(complete) > 20, "otherwise the comparison would prove nothing"

    def rounded(row):
        return tuple(item if isinstance(item, str) else f"{item:.3g}" for item in row)

    patients = {rounded(row) for row in complete.itertuples(index=False)}
    assert not patients & {rounded(row) for row in bundle.model.background}


def assert_groups_of_five(bundle):
    background, n = bundle.manifest["background"], bundle.manifest["training"]["n_rows"]
    counts = [weight * n for weight in bundle.model.weights]
    assert counts == pytest.approx([round(count) for count in counts], abs=1e-6), "weights are counts of patients"
    assert round(sum(counts)) == n
    assert min(map(round, counts)) == background["smallest_group"] >= 5
    assert len(counts) == background["prototypes"] <= 100


@pytest.mark.parametrize("name", ["non_response", "icans", "efs"])
def test_no_synthetic_patient_is_in_a_shipped_background(name, embedded):
    assert_no_row_of(embedded, shipped_bundle(name))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_prototype_stands_for_five_patients_or_more(name):
    assert_groups_of_five(shipped_bundle(name))


@pytest.mark.data
def test_no_real_patient_is_in_the_background_of_induction_efs(data_file):
    table = read_csv(data_file("target_aall0232/aall0232.csv"))
    cohort = cohort_from_table(table, ColumnMap.load(folder("models") / "induction_efs" / "columns" / "aall0232.toml"))
    assert cohort.sha256 == shipped_bundle("induction_efs").manifest["training"]["cohort_sha256"]
    assert_no_row_of(cohort, shipped_bundle("induction_efs"))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_bundle_holds_no_identifier_of_a_patient(name, embedded):
    text = "".join((shipped(name) / file).read_text(encoding="utf-8") for file in ALL)
    assert not [patient for patient in embedded.frame["patient_id"].unique() if patient in text]
    assert "SYN-" not in text


def test_a_feature_of_two_inputs_survives_the_trip(tmp_path):
    model = plain_model([logistic(-1.0, 2.0)], {(0.4, 0.2): 1.0}, inputs=("kmt2a_r", "tcf3_hlf"))
    model = model.with_(features=(Feature("either", "value", ("kmt2a_r", "tcf3_hlf")),))
    bundle_of(model, [{"kmt2a_r": "present"}, {}]).save(tmp_path / "bundle")
    assert open_bundle(tmp_path / "bundle").model == model
