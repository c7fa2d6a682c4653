"""Money at risk: what may have moved without the order saying so, or moved where it should not have."""

from .model import Order


def at_risk_minor(order: Order) -> int:
    """Minor units of the order's currency that a person or the gateway has yet to account for."""
    return sum(item.amount_minor for item in order.attention if item.is_open)
