"""An ASGI application, for uvicorn."""


async def application(scope, receive, send):
    if scope['type'] != 'http':     # lifespan: not ours
        raise NotImplementedError
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': b'hello from uvicorn\n'})
