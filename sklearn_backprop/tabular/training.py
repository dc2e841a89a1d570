"""Training of several groups of networks, which take turns from epoch to epoch."""

import time
from statistics import mean

import numpy as np

from ..batches import Batches
from ..checkpoint import Part
from ..finite import is_finite
from ..network import Network
from ..optimizers import AdamW
from ..schedules import Cosine
from ..training import Diverged, EpochReport, EpochTrainer, Run, end, notify

# Rows that a network that predicts goes through at once.
BLOCK_ROWS = 1024


class Clock:
    """The time that a training may take.

    Parameters
    ----------
    max_time : float or None
        In seconds, from now on.
    """

    def __init__(self, max_time):
        self.started, self.max_time = time.perf_counter(), max_time
        self.begin_epoch()
        self.begin_turn(1)

    def begin_epoch(self):
        """Take note of where all groups stand."""
        self._begun = 0.0
        if self.max_time is not None:
            self._begun = min(1.0, self.elapsed / self.max_time)

    def begin_turn(self, n_turns):
        """Begin the turn of a group, to which its share of the time left belongs.

        Parameters
        ----------
        n_turns : int
            How many groups have still to take their turn.
        """
        self._turn = self.elapsed
        left = np.inf if self.max_time is None else max(0.0, self.max_time - self._turn)
        self._share = left / n_turns

    @property
    def elapsed(self):
        """The time that has passed, in seconds."""
        return time.perf_counter() - self.started

    @elapsed.setter
    def elapsed(self, seconds):
        self.started = time.perf_counter() - seconds

    @property
    def fraction(self):
        """Share of the time that has passed, at the end of the last turn 1.

        A turn goes from where all groups stood to where its share has run out.
        """
        if self.max_time is None:
            return 0.0
        return 1.0 - (1.0 - self._begun) * (1.0 - self._passed)

    @property
    def _passed(self):
        """Share of the turn that has passed."""
        if self._share == 0.0:
            return 1.0
        return min(1.0, (self.elapsed - self._turn) / self._share)

    @property
    def has_run_out(self):
        """Whether the time of the turn has passed."""
        return self._passed >= 1.0


class TimedCosine(Cosine):
    """A cosine that reaches its end with the epochs or with the time, if that is first.

    Parameters
    ----------
    warmup : float
    clock : Clock
    """

    def __init__(self, warmup, clock):
        super().__init__(warmup=warmup)
        self.clock = clock

    def rate(self, initial, progress):
        """Return the learning rate (see `Schedule.rate`)."""
        fraction = max(progress.fraction, self.clock.fraction)
        return super().rate(initial, progress._replace(fraction=fraction))


class TimedBatches(Batches):
    """Batches that end when the time has run out, though not before the first."""

    def __init__(self, data, batch_size, dtype, clock):
        super().__init__(*data, batch_size, dtype)
        self.clock = clock

    def __call__(self, rows=None):
        """Iterate over the batches (see `Batches`)."""
        for i, batch in enumerate(super().__call__(rows)):
            if i > 0 and self.clock.has_run_out:
                return
            yield batch


def forward_blocks(network, inputs):
    """Return the logits of many rows.

    Parameters
    ----------
    network : Network
    inputs : ndarray of shape (n_samples, n_inputs)

    Returns
    -------
    logits : ndarray of shape (n_networks, n_samples, n_outputs)
    """
    starts = range(0, len(inputs), BLOCK_ROWS)
    blocks = [network.forward(inputs[i : i + BLOCK_ROWS]).copy() for i in starts]
    return np.concatenate(blocks, axis=1)


def forward_groups(networks, inputs):
    """Return the logits of several groups, each of whose first layers acts once.

    Parameters
    ----------
    networks : list of Network
        Several may begin with one and the same layer.
    inputs : ndarray of shape (n_samples, n_inputs)

    Returns
    -------
    logits : list of ndarray of shape (n_networks, n_samples, n_outputs)
    """
    leading = {id(network.layers[0]): network.layers[0] for network in networks}
    others = [(id(net.layers[0]), Network(net.layers[1:])) for net in networks]
    blocks = []
    for start in range(0, len(inputs), BLOCK_ROWS):
        rows = inputs[start : start + BLOCK_ROWS]
        encoded = {key: layer.forward(rows) for key, layer in leading.items()}
        blocks.append([net.forward(encoded[key]).copy() for key, net in others])
    return [np.concatenate(of_group, axis=1) for of_group in zip(*blocks, strict=True)]


class GroupTraining:
    """The training of one group.

    Parameters
    ----------
    network : SharingNetworks
        Flat, with a loss; changed in place.
    data : Data
    plan : Plan
    validate : callable or None
        From the logits of the rows held out to the `Validated`.
    rng : numpy.random.RandomState
    settings : Settings
    clock : Clock
    """

    def __init__(self, network, data, plan, validate, rng, settings, clock):
        self.network, self.run = network, Run(rng)
        self.held_out, self.run.rows = plan.held_out, np.array(plan.rows)
        n_rows = len(plan.rows)
        batch_size = min(settings.batch_size, n_rows)
        self.trainer = EpochTrainer(
            network,
            self.run,
            TimedBatches(data, batch_size, network.dtype, clock),
            _optimizer(settings, -(-n_rows // batch_size)),
            TimedCosine(settings.warmup, clock),
            settings.rate_of(plan.view),
            horizon=settings.max_iter,
            shuffle=True,
            tol=0.0,
            n_iter_no_change=np.inf,
            validate=None if validate is None else self._validation(validate),
            early_stopping=validate is not None,
        )

    def _validation(self, validate):
        def validation(network):
            logits = forward_blocks(network, self.held_out.inputs)
            if not is_finite(logits):
                raise Diverged
            return validate(logits)

        return validation

    @property
    def part(self):
        """What a checkpoint saves of the group."""
        n_rows = self.trainer.batches.n_samples
        return Part(self.run, self.network, self.trainer.optimizer, n_rows)

    @property
    def has_begun(self):
        """Whether there has been a step."""
        return bool((self.run.moments or {}).get("n_updates"))

    def epoch(self):
        """Train for an epoch; return whether the user has interrupted it."""
        return self.trainer.train(1) == "interrupted"

    def best_network(self):
        """Return a network with the parameters of the best epoch so far, or the last.

        Raises
        ------
        Diverged
            If they are not finite.
        """
        parameters = self.run.best_parameters
        if parameters is None:
            parameters = getattr(self.trainer, "predicting", self.network).parameters
        network = self.network.for_prediction(parameters)
        if not is_finite(network.parameters):
            raise Diverged
        return network


def _optimizer(settings, n_batches):
    """Return the optimizer for epochs of so many batches."""
    averaged = settings.averaged_epochs * n_batches
    return AdamW(
        beta_2=settings.beta_2,
        weight_decay=settings.weight_decay,
        averaging=1.0 - 1.0 / averaged if averaged > 1.0 else None,
    )


def train(groups, settings, clock, observers):
    """Train groups until the last epoch, or an end before it.

    Parameters
    ----------
    groups : list of GroupTraining
    settings : Settings
    clock : Clock
    observers : list of Observer

    Returns
    -------
    outcome : {"completed", "interrupted", "stopped", "timed out"}

    Raises
    ------
    Diverged
        If loss, parameters or moments of a group are not finite.
    """
    outcome, first = "completed", groups[0]
    for observer in observers:
        observer.began(first.run, first.network)
    try:
        for _ in range(first.run.n_iter, settings.max_iter):
            for observer in observers:
                observer.epoch_began(first.run, first.network)
            if _take_turns(groups, clock):
                outcome = "interrupted"
            elif notify(observers, report_of(groups)):
                outcome = "stopped"
            elif clock.has_run_out:
                outcome = "timed out"
            if outcome != "completed":
                break
    except KeyboardInterrupt:  # Between two epochs.
        outcome = "interrupted"
    return end(observers, first.run, first.network, outcome)


def _take_turns(groups, clock):
    """Train each group for an epoch; return whether the user has interrupted one."""
    clock.begin_epoch()
    for i, group in enumerate(groups):
        clock.begin_turn(len(groups) - i)
        if group.epoch():
            return True
    clock.begin_turn(1)
    return False


def mean_curve(groups, name):
    """Return a curve of the runs, averaged over the groups, as long as the shortest."""
    curves = [getattr(group.run, name) for group in groups]
    return [mean(values) for values in zip(*curves, strict=False)]


def report_of(groups):
    """Return a report of the epoch that all groups have ended."""
    run, trainer = groups[0].run, groups[0].trainer
    loss = mean([group.run.loss_curve[-1] for group in groups])
    validation_loss = None
    if trainer.validate is not None:
        validation_loss = mean([group.run.validation_losses[-1] for group in groups])
    return EpochReport(
        run.n_iter,
        loss,
        None if validation_loss is None else -validation_loss,
        validation_loss,
        trainer._learning_rate(-0.5),
        trainer._learning_rate(),
        None,
        False,
        run,
        groups[0].network,
    )
