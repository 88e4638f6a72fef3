"""`tongbao demo`: the server, the sandbox and a small coffee shop, running together to be looked at."""
