"""A server that speaks each dialect from a recording, and lies on demand.

  server.py TRACE DIALECT [LIE]        prints its port and serves until it is ended

What each engine answers is written after its documentation: vLLM 0.32 (/v1/completions with
prompt_logprobs), llama.cpp b11434 (/completion), SGLang (/generate), TGI (/generate with details),
and plain OpenAI completions (with and without echo).
"""

import json
import math
import pathlib
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from scene import read_trace


class Model:
    """The recorded forward: log-probabilities after each beginning of a recorded prompt."""

    def __init__(self, file):
        tensors, _ = read_trace(file)
        self.rows, self.greedy, self.prompts = {}, {}, []
        for name, (values, shape, _) in tensors.items():
            if not name.endswith("/logits"):
                continue
            prompt = name.split("/")[1]
            ids = list(tensors["prompts/" + prompt][0])
            self.prompts.append(ids)
            self.greedy[tuple(ids)] = list(tensors[name.replace("logits", "greedy")][0])
            width = shape[1]
            for t in range(shape[0]):
                row = values[t * width : (t + 1) * width]
                self.rows[tuple(ids[: t + 1])] = row
        self.width = width

    def logprobs(self, tokens, temperature=1.0):
        row = self.rows[tuple(tokens)]
        row = [v / temperature for v in row]
        most = max(row)
        norm = most + math.log(sum(math.exp(v - most) for v in row))
        return [v - norm for v in row]

    def best(self, logprobs, count):
        return sorted(range(len(logprobs)), key=lambda i: (-logprobs[i], i))[:count]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, body, status=200, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    # --- pages that tell the dialect

    def do_GET(self):
        dialect = self.server.dialect
        pages = {}
        if dialect in ("vllm", "openai", "sglang", "llama.cpp"):
            owner = {"vllm": "vllm", "openai": "somebody", "sglang": "sglang", "llama.cpp": "llamacpp"}[dialect]
            names = ["m", "n"] if self.server.lie == "several" else ["m"]
            pages["/v1/models"] = {"data": [{"id": name, "owned_by": owner} for name in names]}
        if dialect == "tgi":
            pages["/info"] = {"model_id": "m", "version": "3"}
        if self.server.lie == "redirects":
            return self.reply(b"", 302, [("Location", "http://127.0.0.1:1/elsewhere")])
        if self.path in pages:
            return self.reply(pages[self.path])
        self.reply({"error": "not found"}, 404)

    # --- forwards

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body, self.headers.get("Authorization")))
        server, lie = self.server, self.server.lie
        if server.key and self.headers.get("Authorization") != "Bearer " + server.key:
            return self.reply({"error": "who are you"}, 401)
        if lie == "busy" and len(server.asked) % 3 != 0:
            return self.reply({"error": "slow down"}, 429)
        if lie == "down":
            return self.reply({"error": "out of memory"}, 503)
        if lie == "hangs":
            time.sleep(60)
        path = {"vllm": "/v1/completions", "openai": "/v1/completions", "llama.cpp": "/completion"}
        if self.path != path.get(server.dialect, "/generate"):
            return self.reply({"error": "no such page"}, 404)
        try:
            answer, status = self.answer(body), 200
        except ValueError as error:
            answer, status = {"error": str(error)}, 400
        except KeyError:
            answer, status = {"error": "a prompt that was not recorded"}, 500
        data = json.dumps(answer).encode()
        if lie == "not json":
            data = b"<html>hello</html>"
        elif lie == "nan":
            data = data.replace(b'"logprob": -', b'"logprob": NaN, "x": -', 1)
        elif lie == "null":
            data = data.replace(b'"logprob": -', b'"logprob": null, "x": -', 1)
        elif lie == "nested":
            data = b"[" * 100000 + b"]" * 100000
        elif lie == "empty":
            data = b""
        if lie == "half":
            self.send_response(200)
            self.send_header("Content-Length", str(2 * len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = True
            return
        if lie == "drips":
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            for i in range(len(data)):
                self.wfile.write(data[i : i + 1])
                self.wfile.flush()
                time.sleep(0.3)
            return
        if lie == "gigantic":
            self.send_response(200)
            self.send_header("Content-Length", str(2 << 30))
            self.end_headers()
            block = b" " * (1 << 20)
            for _ in range(2 << 10):
                self.wfile.write(block)
            return
        self.reply(data, status)

    def answer(self, body):
        return getattr(self, {"vllm": "vllm", "openai": "openai", "llama.cpp": "llama_cpp",
                              "sglang": "sglang", "tgi": "tgi"}[self.server.dialect])(body)

    def row(self, tokens, count, temperature=1.0):
        """The best tokens after `tokens`: pairs of id and log-probability."""
        model, lie = self.server.model, self.server.lie
        logprobs = model.logprobs(tokens, (temperature or 1.0) if lie == "hot" else 1.0)
        best = model.best(logprobs, count)
        if lie == "other ids":
            return [(i + 1000, logprobs[i]) for i in best]
        if lie == "skips" and count > 1:  # leaves out the second best
            return [(i, logprobs[i]) for i in model.best(logprobs, count + 1) if i != best[1]]
        if lie == "raw":
            return [(i, model.rows[tuple(tokens)][i]) for i in best]
        if lie == "four digits":
            return [(i, round(logprobs[i], 4)) for i in best]
        if lie == "wrong":
            return [(i, logprobs[i] * 1.01) for i in best]
        return [(i, logprobs[i]) for i in best]

    def generated(self, tokens, count):
        """The recorded continuation; after a beginning of a prompt the best token alone."""
        model = self.server.model
        if tuple(tokens) in model.greedy:
            return model.greedy[tuple(tokens)][:count]
        return model.best(model.logprobs(tokens), 1)

    def listed(self, count):
        if count > self.server.limit:
            raise ValueError(f"logprobs of {count} is greater than max allowed: {self.server.limit}")
        return count

    def read(self, tokens):
        return len(tokens) + (1 if self.server.lie == "adds a token" else 0)

    def vllm(self, body):
        tokens, count = body["prompt"], self.listed(body.get("logprobs", 0))
        ids = self.generated(tokens, body["max_tokens"])
        row = self.row(tokens, count, body["temperature"])
        choice = {"logprobs": {"tokens": [f"token_id:{i}" for i in ids],
                               "top_logprobs": [{f"token_id:{i}": v for i, v in row}]}}
        if "prompt_logprobs" in body:
            rows = [None]
            for n in range(1, len(tokens)):
                pairs = dict(self.row(tokens[:n], self.listed(body["prompt_logprobs"])))
                if self.server.lie not in ("not its own", "other ids"):
                    pairs.setdefault(tokens[n], dict(self.row(tokens[:n], self.server.model.width))[tokens[n]])
                rows.append({str(i): {"logprob": v, "rank": 1, "decoded_token": None} for i, v in pairs.items()})
            choice["prompt_logprobs"] = rows[:-1] if self.server.lie == "short" else rows
        return {"choices": [choice], "usage": {"prompt_tokens": self.read(tokens)}}

    def openai(self, body):
        tokens, count = body["prompt"], self.listed(body.get("logprobs", 0))
        ids = self.generated(tokens, body["max_tokens"])
        name = (lambda i: "?") if self.server.lie == "names" else (lambda i: f"t{i}")
        rows = [{name(i): v for i, v in self.row(tokens, count, body["temperature"])}]
        words = [name(i) for i in ids]
        if body.get("echo") and self.server.lie != "no echo":
            before = [None] + [{name(i): v for i, v in self.row(tokens[:n], count)} for n in range(1, len(tokens))]
            rows, words = before + rows, [name(i) for i in tokens] + words
        return {"choices": [{"text": "", "logprobs": {"tokens": words, "top_logprobs": rows}}],
                "usage": {"prompt_tokens": self.read(tokens)}}

    def llama_cpp(self, body):
        tokens = body["prompt"]
        row = self.row(tokens, self.listed(body["n_probs"]), body["temperature"])
        ids = self.generated(tokens, body["n_predict"])
        return {"tokens": ids, "tokens_evaluated": self.read(tokens), "completion_probabilities": [
            {"id": ids[0], "top_logprobs": [{"id": i, "token": f"t{i}", "logprob": v} for i, v in row]}]}

    def sglang(self, body):
        tokens, count = body["input_ids"], self.listed(body["top_logprobs_num"])
        ids = self.generated(tokens, body["sampling_params"]["max_new_tokens"])
        temperature = body["sampling_params"]["temperature"]
        meta = {"prompt_tokens": self.read(tokens), "output_token_logprobs": [[0.0, i, None] for i in ids],
                "output_top_logprobs": [[[v, i, None] for i, v in self.row(tokens, count, temperature)]]}
        if body["logprob_start_len"] == 0:
            meta["input_token_logprobs"] = [[None, i, None] for i in tokens]
            meta["input_top_logprobs"] = [None] + [
                [[v, i, None] for i, v in self.row(tokens[:n], count)] for n in range(1, len(tokens))]
        return {"text": "", "meta_info": meta}

    def tgi(self, body):
        tokens = [int(word[1:]) for word in body["inputs"].split()]
        parameters = body["parameters"]
        row = self.row(tokens, self.listed(parameters.get("top_n_tokens", 0)))
        read = [1] + tokens if self.server.lie == "adds a token" else tokens
        ids = self.generated(tokens, parameters["max_new_tokens"])
        return {"generated_text": "", "details": {
            "prefill": [{"id": i, "text": f"t{i}", "logprob": None} for i in read],
            "tokens": [{"id": i, "text": f"t{i}", "logprob": 0.0} for i in ids],
            "top_tokens": [[{"id": i, "text": f"t{i}", "logprob": v} for i, v in row]]}}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, file, dialect, lie="", limit=10**9, key=""):
        super().__init__(("127.0.0.1", 0), Handler)
        self.model, self.dialect, self.lie, self.limit, self.key = Model(file), dialect, lie, limit, key
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # a client that hangs up is what is tested

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


if __name__ == "__main__":
    server = Server(*sys.argv[1:4])
    print(server.address, flush=True)
    threading.Event().wait()
