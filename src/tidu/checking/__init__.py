"""Differences, comparison and claims: what is verified, as findings. No layout of text."""

from tidu.checking.claims import Claim, ClaimFinding, check_claims, loss_with_gradient
from tidu.checking.compare import same_formula, same_value
from tidu.checking.differences import verify
from tidu.checking.finding import Finding, KinkFacts
from tidu.checking.gradient import check_gradient, require_agreement
from tidu.checking.repair import Repair

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
