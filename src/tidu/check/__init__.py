"""Differences, comparison and claims: what is verified, as findings. No layout of text."""

from tidu.check.claims import Claim, ClaimFinding, check_claims, loss_with_gradient
from tidu.check.compare import same_formula, same_value
from tidu.check.differences import verify
from tidu.check.finding import Finding, KinkFacts
from tidu.check.gradient import check_gradient, require_agreement
from tidu.check.repair import Repair

__all__ = [
    "Claim",
    "ClaimFinding",
    "Finding",
    "KinkFacts",
    "Repair",
    "check_claims",
    "check_gradient",
    "loss_with_gradient",
    "require_agreement",
    "same_formula",
    "same_value",
    "verify",
]
