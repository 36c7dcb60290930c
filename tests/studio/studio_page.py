"""What a page of the studio asks, for the tests."""

ADDRESS = "http://127.0.0.1:8000"


class Page:
    """A page's requests: the token in the address, its own origin, a tab of its own."""

    def __init__(self, client, token, tab="testtab001"):
        self.client, self.root, self.token = client, f"/{token}", token
        self.headers = {"origin": ADDRESS, "x-photo51-tab": tab}

    def get(self, path, **rest):
        return self.client.get(f"{self.root}/{path}", headers=self.headers, **rest)

    def post(self, path, body=None, **rest):
        return self.client.post(f"{self.root}/{path}", headers=self.headers, json=body, **rest)
