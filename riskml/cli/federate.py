"""``riskml federate``: plan, answer and combine; hospitals exchange small JSON files and never rows."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskml.cli.options import Parser, add_cohort, add_command, add_force_horizon, add_seed, positive
from riskml.errors import DataError, Fault, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from riskml.cohort.cohort import Cohort
    from riskml.training.federated.coordinator import Finished

_EXAMPLES = """examples:
  riskml federate plan --model efs --only ridge_cox \\
      --centres North South East West --out study
  riskml federate secret --out secret.json
  riskml federate answer study/round-0.json cohort.csv --centre North \\
      --secret secret.json --out answers/0-North.json
  riskml federate combine study answers/*.json
"""
_STEPS = {
    "plan": "coordinator: the plan of a study and its first question",
    "secret": "a hospital: the secret that all hospitals share",
    "answer": "each hospital: the sums that a round asks for",
    "combine": "coordinator: all answers so far -> next round, or the model",
}
MAX_BYTES = 64_000_000


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's own commands and their options."""
    parser = add_command(commands, "federate", summary, _EXAMPLES)
    steps = parser.add_subparsers(
        dest="step", metavar="STEP", required=True, parser_class=Parser, prog="riskml federate"
    )
    for name, what in _STEPS.items():
        step = steps.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
        _OPTIONS[name](step)
        step.set_defaults(run=_RUN[name])


def _plan_options(parser: Parser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", metavar="NAME|FILE", help="a recipe to train")
    what.add_argument("--bundle", metavar="BUNDLE", help="a finished model to validate")
    parser.add_argument("--centres", nargs="+", required=True, metavar="NAME", help="the hospitals")
    parser.add_argument("--out", required=True, metavar="STUDY", help="folder of the study, for round-0.json")
    parser.add_argument("--only", metavar="KIND", help="the one learner of an average to train, such as ridge_cox")
    width = parser.add_mutually_exclusive_group()
    width.add_argument("--tau", type=positive, metavar="T", help="width of the prior on effects (default: 0.34)")
    width.add_argument("--integrate", action="store_true", help="average over the width, as riskml train does")
    parser.add_argument("--open", action="store_true", help="let the coordinator read each hospital's own sums")
    parser.add_argument(
        "--most-numbers",
        type=positive,
        metavar="R",
        help="numbers released per value at most (default: 1)",
    )
    add_seed(parser, "the intervals of a validation")


def _secret_options(parser: Parser) -> None:
    parser.add_argument("--out", required=True, metavar="FILE", help="for hospitals only, never for the coordinator")


def _answer_options(parser: Parser) -> None:
    parser.add_argument("ask", help="the round as the coordinator sent it")
    add_cohort(parser)
    parser.add_argument("--centre", required=True, metavar="NAME", help="this hospital's name in the plan")
    parser.add_argument("--secret", metavar="FILE", help="what the hospitals share, where sums are masked")
    parser.add_argument("--bundle", metavar="BUNDLE", help="the model, where one is validated")
    add_force_horizon(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="the answer, to send to the coordinator")


def _combine_options(parser: Parser) -> None:
    parser.add_argument("study", help="folder of the study")
    parser.add_argument("answers", nargs="+", metavar="ANSWER", help="all answers so far, of every round")
    add_seed(parser, "the draws for the interval")


def _plan(options: argparse.Namespace) -> int:
    from riskml.training.federated.messages import first_ask
    from riskml.training.federated.plan import DEFAULT_TAU, plan_of, study_of
    from riskml.training.recipe import read_raw

    place = Path(options.out) / "round-0.json"
    if options.bundle:
        training = ("only", "tau", "integrate", "open", "most_numbers")
        _refuse_idle(options, training, "for a model to train; the validation of a bundle fits nothing")
        from riskml.runtime.bundle import open_bundle
        from riskml.training.federated.validation import validation_plan

        keep(place, validation_plan(open_bundle(options.bundle), options.centres, seed=options.seed))
        print(f"validation of {options.bundle} in {', '.join(sorted(options.centres))}: one round")
        print(place)
        return 0
    tau = None if options.integrate else options.tau or DEFAULT_TAU
    most = {} if options.most_numbers is None else {"most_numbers": options.most_numbers}
    settings = {"only": options.only, "tau": tau, "masked": not options.open, **most}
    study = study_of(plan_of(read_raw(options.model)[0], options.centres, **settings))
    keep(place, first_ask(study))
    features = ", ".join(feature.name for feature in study.recipe.features)
    print(f"{study.recipe.name}: {study.recipe.learner['kind']} of {features}")
    print(f"hospitals: {', '.join(study.centres)}; sums: {study.plan['sums']}; plan {study.digest[:19]}")
    if options.integrate and not most:
        print("note: --integrate asks for many numbers: a small study must allow them, with --most-numbers")
    print(place)
    return 0


def _refuse_idle(options: argparse.Namespace, names: Sequence[str], why: str) -> None:
    """Refuse options that would be without effect."""
    idle = [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) not in (None, False)]
    if idle:
        raise UsageError(f"{', '.join(idle)}: {why}")


def _secret(options: argparse.Namespace) -> int:
    from riskml.training.federated.masks import new_secret

    place = Path(options.out)
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{place} exists: a new secret in its place would part the hospitals") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(new_secret(), indent=1) + "\n")
    print(f"hand this file to every hospital of this one study, never to the coordinator: {place}")
    return 0


def _answer(options: argparse.Namespace) -> int:
    from riskml.cli.federate_text import leaves, other_centre
    from riskml.cli.reading import cohort_of
    from riskml.training.federated.messages import ANEW

    ask = read_json(options.ask)
    if isinstance(ask, dict):
        if ask.get("task") == "validate":
            _refuse_idle(options, ("secret",), "for a model to train; the estimates of a validation are not masked")
        else:
            _refuse_idle(
                options, ("bundle", "force_horizon"), "for the validation of a bundle; this round trains a model"
            )
    cohort = cohort_of(options)
    found = answer_of(ask, cohort, options)
    place = Path(options.out)
    if place.exists() and read_json(str(place)) != found:
        raise UsageError(
            f"{place} holds another answer: what was sent once is not answered anew, because the difference of two "
            f"answers tells of single patients. Send the file as it is, or {ANEW}"
        )
    write(place, found)
    print("\n".join([*other_centre(cohort, options.centre), *leaves(found)]))
    print(place)
    return 0


def answer_of(ask: Any, cohort: Cohort, options: argparse.Namespace) -> dict[str, Any]:
    """The answer to whatever is asked, sums of a training or a validation, by the options of the command."""
    if isinstance(ask, dict) and ask.get("task") == "validate":
        from riskml.runtime.bundle import open_bundle
        from riskml.training.federated.validation import validation_answer

        if not options.bundle:
            raise UsageError("this study validates a model: name it with --bundle")
        bundle = open_bundle(options.bundle)
        return validation_answer(ask, bundle, cohort, options.centre, force_horizon=options.force_horizon)
    from riskml.training.federated.answered import remember
    from riskml.training.federated.centre import answer
    from riskml.training.federated.masks import secret_bytes

    secret = secret_bytes(read_json(options.secret)) if options.secret else None
    found = answer(ask, cohort, options.centre, secret)
    if found["secret"]:
        remember(Path(options.secret), found)
    return found


def _combine(options: argparse.Namespace) -> int:
    study = Path(options.study)
    answers = {Path(name).name: read_json(name) for name in options.answers}
    if len(answers) < len(options.answers):
        raise UsageError("two answers have the same file name: give each its own, such as 0-North.json")
    combined(study, asks_of(study), answers, options.seed)
    return 0


def combined(study: Path, asks: Sequence[Any], answers: Mapping[str, Any], seed: int) -> bool:
    """Take a study one step further by all its answers so far, write what follows, and say whether it is finished."""
    if asks[0].get("task") == "validate":
        _validated(study, asks[0], answers)
        return True
    from riskml.training.federated.coordinator import Finished, advance

    step = advance(asks, answers)
    if isinstance(step, Finished):
        finish(study, step, seed)
        return True
    place = study / f"round-{step['round']}.json"
    print(f"{step['plan']['recipe']['name']}: {len(answers)} answers accepted")
    print(f"next: {keep(place, step)}")
    return False


def asks_of(study: Path) -> list[dict[str, Any]]:
    """The rounds of a study so far, from its folder."""
    asks: list[dict[str, Any]] = []
    while (place := study / f"round-{len(asks)}.json").is_file():
        asks.append(read_json(str(place)))
    if not asks or not all(isinstance(ask, dict) for ask in asks):
        raise UsageError(f"{study} holds no study: begin with riskml federate plan --out {study}")
    return asks


def finish(study: Path, finished: Finished, seed: int) -> None:
    """Write the result and the bundle of a finished study, and print the coefficients."""
    from riskml.cli.federate_text import trained
    from riskml.training.federated.bundle import bundle_of, result_of

    result = result_of(finished)
    bundle = bundle_of(finished, seed=seed)
    write(study / "result.json", result)
    bundle.save(study / "bundle")
    print("\n".join(trained(result)))
    print(study / "bundle")


def _validated(study: Path, plan: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
    from riskml.cli.federate_text import judged
    from riskml.training.federated.validation import validation_result

    result = validation_result(plan, answers)
    place = study / "validation.json"
    write(place, result)
    print("\n".join(judged(result)))
    print(place)


_OPTIONS = {
    "plan": _plan_options,
    "secret": _secret_options,
    "answer": _answer_options,
    "combine": _combine_options,
}
_RUN = {
    "plan": _plan,
    "secret": _secret,
    "answer": _answer,
    "combine": _combine,
}


def read_json(path: str) -> Any:
    """A JSON file of a study, strictly; ``DataError`` for anything else, ``UsageError`` where there is no file."""
    from riskml.runtime.patient import strict_json

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path!r}: {error.strerror}") from None
    try:
        return strict_json(content, MAX_BYTES)
    except DataError:
        rule = f"{Path(path).name} must be JSON, without infinite numbers or a key that stands twice"
        remedy = "fetch it again from whoever wrote it"
        raise DataError("the file was refused", [Fault(None, None, rule, None, remedy)]) from None


def keep(place: Path, ask: dict[str, Any]) -> Path:
    """Write a round unless it stands there already; in place of another that may have been sent it is refused."""
    from riskml.training.federated.messages import same_ask

    if place.exists():
        if not same_ask(read_json(str(place)), ask):
            raise UsageError(f"{place} is another round: it may have been sent out. Begin a new study in a new folder")
        return place
    return write(place, ask)


def write(place: Path, content: Mapping[str, Any]) -> Path:
    """Write an object of a study for people and programs to read."""
    from riskml.runtime.files import write_whole

    return write_whole(place, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
