"""A derivation as it will be shown: line by line as it was written, with its numbers."""

from __future__ import annotations

from dataclasses import replace

from tidu.calculus.derivation import Derivation
from tidu.calculus.lines import agree, line_by_line
from tidu.checking import Finding, verify
from tidu.checking.at_random import verify_at_random
from tidu.document.blocks import Section
from tidu.explaining.shown import shown_nodes
from tidu.explaining.verdicts import check_section, unchecked_section
from tidu.explaining.view import Options, View, view
from tidu.running.instance import Instance
from tidu.running.noise import without_noise
from tidu.running.numbers import Numbers, elements_of, numbers_of
from tidu.running.ties import with_ties


def seen(instance: Instance, options: Options) -> tuple[View, Numbers | None]:
    """Return the view of a derivation, and its numbers if it has any.

    The working follows the user's lines where the program that runs passes some over, as long as
    that gives the same gradients at the given values; the view then knows both.
    """
    numbers = _numbers(instance)
    written = line_by_line(instance.core)
    if written is not None:
        core = with_ties(written, instance.values, instance.bodies)
        lines = replace(instance, core=core, general=None)
        found = _numbers(lines)
        if found is None or numbers is None or agree(found.gradients, numbers.gradients):
            return _view(lines, found, options, instance.core), found
    return _view(instance, numbers, options, None), numbers


def checked(
    instance: Instance, shown: View, numbers: Numbers | None
) -> tuple[tuple[Finding, ...], tuple[Section, ...]]:
    """Return what the numerical check found, and its section: at the values that are known, at
    random ones where some are missing."""
    if not instance.core.wrt:
        return (), ()
    if numbers is not None:
        found = verify(instance.with_bodies(), instance.values, gradients=numbers.gradients)
        return found, (check_section(shown, found),)
    at_random = verify_at_random(instance)
    if at_random is None:
        return (), (unchecked_section(),)
    return at_random.findings, (check_section(shown, at_random.findings, at_random.point),)


def _numbers(instance: Instance) -> Numbers | None:
    return numbers_of(instance, shown_nodes(instance.core)) if instance.has_numbers() else None


def _view(
    instance: Instance, numbers: Numbers | None, options: Options, running: Derivation | None
) -> View:
    nodes = shown_nodes(instance.core)
    by_element = options.zoom == "element"
    elements = elements_of(instance, nodes, options.of, numbers) if by_element else None
    if numbers is None:
        return view(instance.core, None, options, elements, running)
    valuation = numbers.valuation
    cleaned = without_noise(valuation)
    return view(numbers.derivation, valuation, options, elements, running, cleaned)
