"""How grave a planted mistake is."""

SUBTLE = "subtle"
STRUCTURAL = "structural"
