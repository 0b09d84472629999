"""The fields of answers of atrium that were recorded; written by `python -m tests.shapes`."""

SHAPES = {
    "POST /realms/my-tfc/protocol/openid-connect/token": """
access_token expires_in id_token not-before-policy refresh_expires_in refresh_token scope
session_state token_type
""",
    "GET /api/v1/my/occupants/*/amenity-reservations/": """
count results results.amenity results.amenity.label results.end_time results.guests results.id
results.is_cancelled results.start_time
""",
}
