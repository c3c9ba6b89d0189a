"""One sample of llama.cpp: seconds of a prompt in one call, or of a token through the cache."""

import llama_cpp

import sampling


class Engine:
    def __init__(self, options):
        llama_cpp.llama_backend_init()
        settings = llama_cpp.llama_model_default_params()
        self.model = llama_cpp.llama_model_load_from_file(options.model.encode(), settings)
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = 2 * options.length
        settings.n_batch = settings.n_ubatch = options.length
        settings.n_threads = settings.n_threads_batch = options.threads
        self.context = llama_cpp.llama_init_from_model(self.model, settings)
        vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.vocab_size = llama_cpp.llama_vocab_n_tokens(vocab)
        self.batch = llama_cpp.llama_batch_init(options.length, 0, 1)

    def reset(self):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)

    def run(self, tokens, position):
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = position + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = 1
        if llama_cpp.llama_decode(self.context, batch) != 0:
            raise SystemExit("llama_decode failed")
        llama_cpp.llama_get_logits(self.context)


if __name__ == "__main__":
    sampling.main(__doc__, Engine)
