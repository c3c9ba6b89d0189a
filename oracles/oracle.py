"""What record.py asks of an oracle, wherever its forward comes from."""

import torch

COARSE = ("embed", "mixer_out", "ffn_out", "out", "final_norm")


class Oracle:
    """One checkpoint in one dtype. A subclass names its PRODUCER and gives the logits."""

    PRODUCER = None

    def __init__(self, folder, dtype):
        raise NotImplementedError

    def logits(self, tokens, taps=None, fine=False):
        """[positions, vocabulary] as numpy; in float64 fills the dict `taps` where one is given,
        with the coarse taps, or with all that the forward shows where `fine`."""
        raise NotImplementedError

    def greedy(self, tokens, steps):
        """Greedy tokens and their margins, each step a forward of the whole sequence."""
        sequence, chosen, margins = list(tokens), [], []
        for _ in range(steps):
            last = torch.tensor(self.logits(sequence)[-1])
            top = last.topk(2).values
            chosen.append(int(last.argmax()))  # as generate() chooses, among equals too
            margins.append(float(top[0] - top[1]))
            sequence.append(chosen[-1])
        return chosen, margins
