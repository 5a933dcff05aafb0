"""Results made by hand, in the shape of real ones: what the report and the pull-request text are tested on."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from mlfix.analyzer.findings import Applicability, Confidence, Edit, Evidence, Finding, Fix, Level, Location
from mlfix.analyzer.runtime.results import (
    AS_IS,
    FIXED,
    HEALTHY,
    NOT_SEEN,
    UNHEALTHY,
    Explained,
    Label,
    Outcome,
    ProbeReading,
    Run,
    Symptom,
    Verdict,
    VerifyResult,
)
from mlfix.analyzer.runtime.trace import Trace

from tests.templates.made_traces import SEEDS, STEPS, trace

DIFF = """--- a/train_simclr.py
+++ b/train_simclr.py
@@ -46,3 +47,3 @@
     optimizer = AdamW(model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
-    total_steps = cfg.epochs * steps_per_epoch
+    total_steps = cfg.epochs * math.ceil(steps_per_epoch / cfg.accumulation_steps)
     scheduler = CosineAnnealingLR(optimizer, T_max=total_steps, eta_min=cfg.min_lr)
"""


def finding(
    rule: str = "scheduler-accumulation", code: str = "MLF501", path: str = "train_simclr.py", line: int = 48
) -> Finding:
    evidence = (
        Evidence(path, line, "the plan: `total_steps` counts micro-batches"),
        Evidence("config.py", 53, "`epochs` is set to `20`"),
        Evidence(path, 59, "the scheduler is moved here"),
        Evidence(path, 79, "accumulation: `(step + 1) % accumulation == 0 or step + 1 == len(loader)`"),
    )
    return Finding(
        rule,
        code,
        Level.BREAKS,
        Confidence.HIGH,
        Location(path, line, 52, line, 63),
        "`T_max` (`cfg.epochs * steps_per_epoch`) counts micro-batches, but `scheduler.step()` advances once per `accumulation`=4 batches",
        "The learning rate at the end of training is far from the one that the schedule plans.",
        evidence,
        scope="build_optimizer",
        subject=f"{rule}:{line}",
        fix=Fix(Applicability.UNSAFE, "plan the schedule in optimizer steps", (Edit(path, (47, 1), (47, 2), ""),)),
    )


def advised() -> Finding:
    """One without a fix."""
    no_fix = "label more positives; until then augment, stop early"
    return replace(finding("few-positives", "MLF804", "cryoem/losses.py", 27), fix=None, no_fix=no_fix)


def readings(fixed: bool, seed: int = 0) -> tuple[ProbeReading, ...]:
    noise = random.Random(seed)
    drift = 3.1e-3 * noise.lognormvariate(0, 0.1)
    rules = ("scheduler-accumulation",)
    return (
        ProbeReading(
            "planned-steps",
            HEALTHY if fixed else UNHEALTHY,
            1.0 if fixed else 0.25,
            "`scheduler.step()` is called 96 times for T_max = 96"
            if fixed
            else "`scheduler.step()` will be called 96 times, and T_max = 384",
            rules=rules,
            look_next="Look at what the schedule is counted in.",
        ),
        ProbeReading(
            "loss-terms",
            HEALTHY if fixed else UNHEALTHY,
            0.98 if fixed else 0.0,
            "term `subspace` of train.py:31 holds a gradient"
            if fixed
            else "term `subspace` of train.py:31 is the constant 0.0 without a graph",
            rules=("double-deg2rad",),
            look_next="Look at where the term is computed.",
        ),
        ProbeReading(
            "dead-parameters",
            UNHEALTHY,
            12,
            "12 parameters of `encoder.aux` had no gradient in 48 steps",
            "parameters",
            look_next="Look at whether `encoder.aux` is used in forward.",
        ),
        ProbeReading("parameter-drift", HEALTHY, drift, "every module moves; the least is `encoder.stem`"),
        ProbeReading("gradient-norm", HEALTHY, 2.61 + seed / 10, "between 1.9 and 3.4 over 48 steps"),
        ProbeReading("learning-rate", HEALTHY, 3e-4, "3e-4 in both groups at the first step"),
        ProbeReading("step-taken", HEALTHY, 0, "no step of 48 was skipped", "skipped"),
        ProbeReading("finite", HEALTHY, "finite", "loss, gradients and norm statistics are finite"),
        ProbeReading(
            "throughput", HEALTHY, 15.2 + seed, "data 6 %, forward 32 %, backward 52 %, optimizer 9 %", "steps/s"
        ),
        ProbeReading("memory", NOT_SEEN, None, "no CUDA device was used"),
        ProbeReading("pseudo-label-use", NOT_SEEN, None, "no softmax maximum is compared with a threshold"),
        ProbeReading("validation-loss", NOT_SEEN, None, "needs two validations, and one was seen"),
    )


def run(tree: str, rule: str, seed: int, **options) -> Run:
    fixed = tree == FIXED
    return Run(
        tree,
        rule,
        seed,
        trace(seed, fixed=fixed, **options),
        device="cpu",
        steps=STEPS,
        seconds=7.4 + seed,
        exit=0,
        readings=readings(fixed, seed),
        deviations=("torch.compile is switched off",),
    )


def stopped_run(tree: str = AS_IS, rule: str = "", seed: int = 0) -> Run:
    return Run(
        tree,
        rule,
        seed,
        Trace(),
        seconds=1.9,
        exit=1,
        cause="FileNotFoundError: [Errno 2] No such file or directory: 'data/synapses.h5'",
        phase="setup",
        frame="dataset.py:31 SynapseCubes.__init__",
        output=(
            "Traceback (most recent call last):",
            '  File "train.py", line 12, in <module>',
            "    main()",
            "FileNotFoundError: [Errno 2] No such file or directory: 'data/synapses.h5'",
        ),
    )


def verified() -> Verdict:
    return Verdict(
        finding(),
        Label.VERIFIED,
        "`scheduler.step()` will be called 96 times in the 20 epochs: as is for T_max = 384, with the fix for T_max = 96.",
        "scheduler steps that training will take, as a share of T_max",
        (0.25, 0.25, 0.25),
        (1.0, 1.0, 1.0),
        SEEDS,
        DIFF,
        (
            Outcome("training loss, last 10 steps", (0.97, 0.99, 0.95), (0.71, 0.74, 0.69), "lower"),
            Outcome("validation loss", (1.31, 1.22, 1.4), (1.18, 1.29, 1.2), "lower"),
            Outcome("time of a step", (66.1, 65.2, 70.3), (65.0, 67.9, 66.4), "lower", "ms"),
            Outcome("probe accuracy", (0.61, 0.6, 0.62), (0.55, 0.56, 0.58), "higher"),
        ),
        (
            "Harm was looked for: no NaN, no crash, no dead parameter, no probe that was healthy before.",
            "Initial weights are equal in both trees.",
        ),
    )


def _other(label: Label, rule: str, code: str, path: str, line: int, sentence: str, **values) -> Verdict:
    return Verdict(
        finding(rule, code, path, line), label, sentence, diff=DIFF.replace("train_simclr.py", path), **values
    )


def every_label() -> tuple[Verdict, ...]:
    return (
        verified(),
        _other(
            Label.VERIFIED,
            "missing-diagonal-mask",
            "MLF401",
            "losses/nt_xent.py",
            40,
            "Softmax mass on the diagonal of `logits` was 0.027 as is and is 0 with the fix.",
            quantity="softmax mass on the diagonal of the logits",
            before=(0.0271, 0.0268, 0.0279),
            after=(0.0, 0.0, 0.0),
            seeds=SEEDS,
        ),
        _other(
            Label.NOT_FIXED,
            "double-deg2rad",
            "MLF402",
            "doa/losses.py",
            51,
            "Term `subspace` is the constant 0.0 as is and with the fix.",
            quantity="value of the loss term",
            before=(0.0, 0.0, 0.0),
            after=(0.0, 0.0, 0.0),
            seeds=SEEDS,
        ),
        _other(
            Label.HARM,
            "batchnorm-head",
            "MLF302",
            "raster/levit.py",
            88,
            "With the fix the loss is NaN from step 12 in seeds 0, 1 and 2.",
            quantity="producer of the logits",
            before=(1.0, 1.0, 1.0),
            after=(0.0, 0.0, 0.0),
            seeds=SEEDS,
        ),
        _other(
            Label.NOT_REPRODUCED,
            "fixed-seed-augmentation",
            "MLF201",
            "raster/augment.py",
            27,
            "As is 0 of 4 watched items repeat their view in the second epoch.",
            quantity="share of items whose view repeats",
            before=(0.0, 0.0, 0.0),
            after=(0.0, 0.0, 0.0),
            seeds=SEEDS,
        ),
        _other(
            Label.NOT_REACHED,
            "unused-backbone",
            "MLF301",
            "models/simclr3d.py",
            62,
            "models/simclr3d.py:62 did not run in 48 steps of `python train.py --backbone resnet3d`.",
        ),
        _other(
            Label.INCONCLUSIVE,
            "dependency-pins",
            "MLF102",
            "requirements.txt",
            2,
            "Nothing that a run shows depends on the pin.",
        ),
        _other(
            Label.NOT_RUN,
            "amp-import",
            "MLF101",
            "train_simclr.py",
            10,
            "The command ended in setup: FileNotFoundError in dataset.py:31.",
        ),
    )


def verify_result() -> VerifyResult:
    verdicts = every_label()
    as_is = [run(AS_IS, "", seed, dead="projector") for seed in SEEDS]
    again = Run(
        AS_IS,
        "",
        0,
        as_is[0].trace,
        repeat=True,
        device="cpu",
        steps=STEPS,
        seconds=7.2,
        exit=0,
        readings=as_is[0].readings,
    )
    fixed = [
        run(FIXED, v.finding.rule, seed, nan_from=11 if v.label is Label.HARM else None)
        for v in verdicts[:4]
        for seed in SEEDS
    ]
    return VerifyResult(
        "verify",
        ("python", "train.py", "--epochs", "20"),
        Path("/home/user/simclr3d"),
        verdicts,
        (as_is[0], again, *as_is[1:], *fixed, stopped_run(FIXED, "amp-import")),
        (*(v.finding for v in verdicts), advised()),
        (),
        True,
        {
            "mlfix": "0.1.0",
            "python": "3.11.2",
            "torch": "2.13.0+cpu",
            "device": "cpu, 2 threads",
            "system": "Linux 6.1 x86_64",
            "trees": "overlay over the same path",
            "steps": "48",
            "seeds": "0, 1, 2",
        },
        (
            "mlfix",
            "verify",
            "--steps",
            "48",
            "--seeds",
            "3",
            "--format",
            "html",
            "--output",
            "report.html",
            "--",
            "python",
            "train.py",
            "--epochs",
            "20",
        ),
        ("Fixes were tried one at a time.",),
        214.0,
    )


def clean_result() -> VerifyResult:
    """One verified fix and nothing else to say."""
    runs = (*(run(AS_IS, "", seed) for seed in SEEDS), *(run(FIXED, "scheduler-accumulation", seed) for seed in SEEDS))
    return VerifyResult(
        "verify",
        ("python", "train.py"),
        Path("/home/user/simclr3d"),
        (verified(),),
        runs,
        deterministic=True,
        reproduce=("mlfix", "verify", "--", "python", "train.py"),
        seconds=52.0,
    )


def probe_result() -> VerifyResult:
    runs = (run(AS_IS, "", 0, dead="projector"),)
    unhealthy = [r for r in runs[0].readings if r.status == UNHEALTHY]
    symptoms = (
        Symptom(unhealthy[0], (Explained(finding(), Confidence.HIGH),)),
        Symptom(
            unhealthy[1],
            (Explained(finding("double-deg2rad", "MLF402", "doa/losses.py", 51), Confidence.MEDIUM, True),),
        ),
        Symptom(unhealthy[2]),
    )
    return VerifyResult(
        "probe",
        ("python", "train.py"),
        Path("/home/user/simclr3d"),
        runs=runs,
        symptoms=symptoms,
        environment={"torch": "2.13.0+cpu"},
        reproduce=("mlfix", "probe", "--", "python", "train.py"),
        seconds=9.1,
    )


def not_run_result(kind: str = "probe") -> VerifyResult:
    verdicts = (
        (
            _other(
                Label.NOT_RUN,
                "amp-import",
                "MLF101",
                "train_simclr.py",
                10,
                "The command ended in setup: FileNotFoundError in dataset.py:31.",
            ),
        )
        if kind == "verify"
        else ()
    )
    return VerifyResult(
        kind,
        ("python", "train.py"),
        Path("/home/user/simclr3d"),
        verdicts,
        (stopped_run(),),
        reproduce=("mlfix", kind, "--", "python", "train.py"),
        seconds=2.0,
    )


def empty_result(kind: str = "verify") -> VerifyResult:
    return VerifyResult(kind, ("true",), Path("/home/user/simclr3d"))
