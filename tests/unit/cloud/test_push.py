"""The independent reader of pushed messages against the example that the standard works through."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec

from tests.servers.push import from_text, opened

#: RFC 8291, appendix A.
BROWSER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def _browser() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(from_text(BROWSER), "big"), ec.SECP256R1())


def test_the_example_of_the_standard_is_opened() -> None:
    assert opened(from_text(BODY), _browser(), from_text(AUTH)) == b"When I grow up, I want to be a watermelon"


def test_another_browser_opens_nothing() -> None:
    for browser, auth in ((ec.generate_private_key(ec.SECP256R1()), from_text(AUTH)), (_browser(), bytes(16))):
        with pytest.raises(InvalidTag):
            opened(from_text(BODY), browser, auth)
