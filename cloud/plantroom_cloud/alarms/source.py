"""What an alarm stands on, as people call it where it is no device: a bag by its code, else kind and number."""


def source_name(source: str) -> str:
    """ "bag:7F3K" is "7F3K", "round:3" is "round 3"; an id of a device or a gateway stays as it is."""
    kind, colon, name = source.partition(":")
    if not colon:
        return source
    return name if kind == "bag" else f"{kind} {name}"
