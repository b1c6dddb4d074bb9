"""`python -m wmagent.evals contract | transitions | … | encoders | peer`: one command per evaluation, files as results.
Knows the evaluations by name; every one writes <out>/<name>.json, .md and pictures."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported: see STYLE on spinning threads

from wmagent.errors import WmagentError
from wmagent.evals import surfaces
from wmagent.evals.measure import RESULTS
from wmagent.model.baselines import NAMES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one evaluation from command-line arguments; returns the exit code."""
    given = list(arguments if arguments is not None else sys.argv[1:])
    options = _parser().parse_args(given)
    try:
        result = options.run(options)
    except WmagentError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    from wmagent.evals.report import write

    words = [Path(word).name if os.sep in word else word for word in given]
    command = shlex.join(["python", "-m", "wmagent.evals", *words])
    for path in write(options.name or options.what, result, command, options.out, not options.no_plots):
        _say(f"wrote {path.name}")
    if options.json:
        print(json.dumps(result))  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wmagent.evals", description=__doc__)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    shared.add_argument("--preset", default="small")
    shared.add_argument("--text", default="auto")
    shared.add_argument("--models", type=Path, help="folder in which learned models are kept and found again")
    shared.add_argument("--out", "-o", type=Path, default=RESULTS)
    shared.add_argument("--name", help="name of the result files (default: the evaluation's)")
    shared.add_argument("--no-plots", action="store_true")
    shared.add_argument("--json", action="store_true", help="print the whole result as one JSON object too")
    kinds = parser.add_subparsers(dest="what", required=True)
    contract = kinds.add_parser("contract", parents=[shared], help="a learned model against a world's exact oracle")
    _world_options(contract)
    amounts = {"questions": 300, "intervals": 100, "handed-over": 8, "starts": 2, "control-starts": 1, "plans": 40}
    amounts |= {"threads": 2, "simulations": 500}
    for option, default in amounts.items():
        contract.add_argument(f"--{option}", type=int, default=default)
    contract.add_argument("--planner", default="best-first")
    contract.set_defaults(run=_contract)
    rows = kinds.add_parser("transitions", parents=[shared], help="next states on cases held out of one file")
    rows.add_argument("file", type=Path, help="transitions; whole cases are held out as test rows")
    rows.add_argument("--sizes", type=int, nargs="+", default=[1000, 4000, 12000], help="training rows, the first N")
    rows.add_argument("--split", choices=("cases", "rare"), default="cases", help="which cases are held out")
    rows.add_argument("--share", type=float, default=0.125, help="share held out")
    rows.set_defaults(run=_transitions)
    speed = kinds.add_parser("throughput", parents=[shared], help="imagined transitions per second against a matmul")
    _world_options(speed)
    speed.add_argument("--file", type=Path, help="learn from these transitions instead of a world")
    speed.add_argument("--batch", type=int, default=1024)
    speed.add_argument("--threads", type=int, default=None)
    speed.set_defaults(run=_throughput)
    scale = kinds.add_parser("log-scale", parents=[shared], help="millions of events: read in parts, scored")
    scale.add_argument("--events", type=int, default=10_000_000)
    scale.set_defaults(run=_log_scale)
    surfaces.add(kinds, shared, _say)
    routed = kinds.add_parser("routing", parents=[shared], help="a routing change against logs simulated with it")
    routed.add_argument("log", type=Path, help="the event log that is learned from and asked")
    for option in ("--truth-do", "--truth-instead"):
        routed.add_argument(option, type=Path, required=True, help="the log in which everybody was routed so")
    for option in ("--after", "--do", "--instead"):
        routed.add_argument(option, required=True, metavar="ACTIVITY")
    routed.add_argument("--reach", metavar="ACTIVITY", help="also how often this follows")
    routed.add_argument("--column", nargs="+", default=[], metavar="ROLE=NAME", help="columns of all three logs")
    routed.add_argument("--without", nargs="+", default=[], metavar="ATTRIBUTE", help="hide these from the model")
    routed.set_defaults(run=_routing)
    suite = kinds.add_parser("suite", parents=[shared], help="models x controls x planners x seeds")
    _world_options(suite)
    suite.add_argument("--planners", nargs="+", default=["best-first", "greedy", "random-shooting"])
    suite.add_argument("--baselines", nargs="*", default=NAMES)
    suite.add_argument("--starts", type=int, default=2)
    suite.set_defaults(run=_suite)
    _questions_of_truth(kinds, shared)
    _language_questions(kinds, shared)
    return parser


def _questions_of_truth(kinds: Any, shared: argparse.ArgumentParser) -> None:
    """Add the evaluations that compare what is imagined with a world's known truth."""
    judged = kinds.add_parser("what-if", parents=[shared], help="interventions, plans, controls, rollouts and flips")
    _world_options(judged, 60_000)
    judged.add_argument("--planner", default="best-first")
    judged.add_argument("--parts", nargs="+", default=None, help="leave some of the parts out")
    judged.set_defaults(run=_what_if)
    rules = kinds.add_parser("rule-shift", parents=[shared], help="rules as text: variants never seen")
    _world_options(rules, 40_000)
    rules.add_argument("--tests", type=int, default=2_000)
    rules.set_defaults(run=_rule_shift)
    hidden = kinds.add_parser("confounding", parents=[shared], help="answers from confounded records")
    _world_options(hidden, 8_000)
    hidden.add_argument("--strength", type=float, default=0.9)
    hidden.set_defaults(run=_confounding)
    inside = kinds.add_parser("inside", parents=[shared], help="agents trained in the imagined world")
    _world_options(inside)
    inside.set_defaults(run=_inside)
    moved = kinds.add_parser("transfer", parents=[shared], help="the same workflow under other names")
    _world_options(moved, 12_000)
    moved.add_argument("--scratch", default="tiny", help="preset of models learned from the few rows alone")
    moved.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000], help="rows to adapt to")
    moved.add_argument("--held-out", type=int, default=1_500, help="rows to predict")
    moved.set_defaults(run=_transfer)
    words = kinds.add_parser("paraphrase", parents=[shared], help="states, goals and actions in other words")
    _world_options(words, 12_000)
    words.add_argument("--questions", type=int, default=40)
    words.set_defaults(run=_paraphrase)
    search = kinds.add_parser("search-scaling", parents=[shared], help="plan success against simulations and horizon")
    _world_options(search, 60_000)
    search.add_argument("--cases", type=int, default=4)
    search.add_argument("--runs", type=int, default=3)
    search.add_argument("--simulations", type=int, nargs="+", default=[1, 10, 30, 100, 300, 1_000, 3_000, 10_000])
    search.add_argument("--horizons", type=int, nargs="+", default=[1, 2, 4, 6, 8, 12, 20])
    search.set_defaults(run=_search_scaling, seeds=[0])


def _language_questions(kinds: Any, shared: argparse.ArgumentParser) -> None:
    """Add the evaluations of the language side that learn from rows, for several seeds at once."""
    source = "a file of transitions or a shipped world"
    encoders = kinds.add_parser("encoders", parents=[shared], help="sentences, hidden states, learned embeddings")
    encoders.add_argument("source", help=source)
    encoders.add_argument("--sizes", type=int, nargs="+", default=[1_000, 12_000])
    encoders.add_argument("--arms", nargs="+", default=None, help="leave some of the encoders out")
    encoders.add_argument("--decoder-steps", type=int, default=300, help="0 leaves the LLM's layers out")
    encoders.set_defaults(run=_encoders)
    peer = kinds.add_parser("peer", parents=[shared], help="against a language model that writes what changes")
    peer.add_argument("source", help=source)
    peer.add_argument("--rows", type=int, default=4_000)
    peer.add_argument("--tests", type=int, default=800)
    peer.set_defaults(run=_peer)
    swapping = kinds.add_parser("swapping", parents=[shared], help="another LLM under a frozen world model")
    swapping.add_argument("source", help=source)
    swapping.add_argument("--second", default="lm:tiny@4")
    swapping.add_argument("--rows", type=int, default=4_000)
    swapping.set_defaults(run=_swapping)


def _world_options(parser: argparse.ArgumentParser, transitions: int = 20_000) -> None:
    parser.add_argument("--world", default="contract-approval")
    parser.add_argument("--transitions", type=int, default=transitions, help="recorded steps to learn from")


def _contract(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.contract import Settings, run

    settings = Settings(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Settings)})
    return run(options.seeds, settings, options.models, _say)


def _transitions(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.held_out import run

    return run(
        options.file,
        seeds=options.seeds,
        sizes=options.sizes,
        split=options.split,
        share=options.share,
        preset=options.preset,
        text=options.text,
        progress=_say,
    )


def _throughput(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.throughput import learn_and_run

    return learn_and_run(
        file=options.file,
        world=options.world,
        transitions=options.transitions,
        preset=options.preset,
        text=options.text,
        seed=options.seeds[0],
        batch=options.batch,
        threads=options.threads,
    )


def _log_scale(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.event_scale import run

    return run(options.events, options.seeds[0], _say)


def _routing(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.event_routing import Question, opened, run

    log, quality = opened(options.log, options.column)
    truths = opened(options.truth_do, options.column)[0], opened(options.truth_instead, options.column)[0]
    question = Question(options.after, options.do, options.instead, options.reach)
    return run(
        log, truths, question, options.seeds, options.preset, options.without, quality.written_back, progress=_say
    )


def _suite(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.suite import run

    return run(
        options.seeds,
        world=options.world,
        transitions=options.transitions,
        planners=options.planners,
        baselines=options.baselines,
        starts=options.starts,
        preset=options.preset,
        text=options.text,
        models=options.models,
        progress=_say,
    )


def _what_if(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.what_if import PARTS, Settings
    from wmagent.evals.what_if_seeds import run

    settings = Settings(
        transitions=options.transitions,
        preset=options.preset,
        text=options.text,
        planner=options.planner,
        parts=tuple(options.parts or PARTS),
    )
    return run(options.world, options.seeds, settings, options.models, _say)


def _rule_shift(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.rule_shift import run

    per_seed = [
        run(options.world, seed, options.transitions, options.tests, options.preset, options.text, _say)
        for seed in options.seeds
    ]
    return {"eval": "rule-shift", "world": options.world, "seeds": options.seeds, "per_seed": per_seed}


def _confounding(options: argparse.Namespace) -> dict[str, Any]:
    import wmagent.worlds as worlds
    from wmagent import WorldModel
    from wmagent.evals.confounding import confounding

    def learn(rows: Sequence[Any], seed: int) -> Any:
        return WorldModel.learn(rows, preset=options.preset, seed=seed, text=options.text)

    world = worlds.load(options.world)
    found = confounding(world, learn, options.seeds, options.transitions, options.strength)
    return {"eval": "confounding", **found}


def _inside(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.inside import Settings, run

    settings = Settings(options.world, options.transitions, options.preset, options.text)
    return run(options.seeds, settings, options.models, _say)


def _transfer(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.transfer import run

    given = {name: getattr(options, name) for name in ("transitions", "preset", "text", "scratch", "models")}
    given |= {"sizes": options.sizes, "held_out": options.held_out}
    return dict(run(options.world, options.seeds, **given, progress=_say))


def _paraphrase(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.paraphrase import run

    given = {name: getattr(options, name) for name in ("transitions", "preset", "text", "questions", "models")}
    return dict(run(options.world, options.seeds, **given, progress=_say))


def _search_scaling(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.search_scaling import Settings, run

    settings = Settings(
        world=options.world,
        transitions=options.transitions,
        preset=options.preset,
        text=options.text,
        cases=options.cases,
        runs=options.runs,
        simulations=tuple(options.simulations),
        horizons=tuple(options.horizons),
    )
    return run(options.seeds, settings, options.models, _say)


def _encoders(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.encoders import run

    given = {"sizes": options.sizes, "arms": options.arms, "decoder_steps": options.decoder_steps}
    return run(options.source, options.seeds, **given, preset=options.preset, progress=_say)


def _peer(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.peer import run

    given = {"rows": options.rows, "tests": options.tests, "preset": options.preset}
    return run(options.source, options.seeds, **given, progress=_say)


def _swapping(options: argparse.Namespace) -> dict[str, Any]:
    from wmagent.evals.swapping import run

    given = {"rows": options.rows, "preset": options.preset}
    return run(options.source, options.second, seeds=options.seeds, **given, progress=_say)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
