"""The API for merchants' servers and for mini-programs."""

from fastapi import APIRouter

from tongbao.web.api import orders, sessions, timeline, webhooks

router = APIRouter(prefix="/v1")
router.include_router(sessions.router)
router.include_router(orders.router)
router.include_router(timeline.router)
router.include_router(webhooks.router)

__all__ = ["router"]
