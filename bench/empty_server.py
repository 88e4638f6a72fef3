"""The floor of any handler: FastAPI answering `{}`, run by uvicorn exactly as Tongbao is."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

from tongbao.app import server_config
from tongbao.settings import Settings

app = FastAPI()


@app.post("/v1/orders", status_code=201)
async def create() -> dict[str, str]:
    """Nothing."""
    return {}


if __name__ == "__main__":
    uvicorn.Server(server_config(app, Settings.from_environment())).run()
