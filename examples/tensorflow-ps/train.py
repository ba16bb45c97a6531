"""Trains a small network on a TensorFlow cluster of a chief, parameter servers and workers.

usage: train.py DATA_DIRECTORY [RESULT_FILE]

Every task of the job runs this program; TF_CONFIG says who it is. Parameter servers hold the variables and serve
for ever, workers compute steps that the chief hands out, so the job is done when the chief is. The data
(see make_data.py) is read by workers and chief from DATA_DIRECTORY, which each has under the same relative path.
RESULT_FILE gets the figures as JSON.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import tensorflow as tf  # noqa: E402  (the variable above counts at import)

PIXELS, CLASSES, HIDDEN = 28 * 28, 10, 128
BATCH, STEPS, REPORT_EVERY = 64, 400, 100
RATE = 0.1
WHO = "task_index.txt"  # in each worker's directory: its index, so that a step can tell who computed it


def decode(raw):
    """Records of one label byte and the pixels to (float images [n, PIXELS], labels [n])."""
    data = tf.io.decode_raw(raw, tf.uint8)
    data = tf.reshape(data, [-1, 1 + PIXELS])
    return tf.cast(data[:, 1:], tf.float32) / 255.0, tf.cast(data[:, 0], tf.int32)


def serve(resolver):
    """A worker's or parameter server's whole life."""
    if resolver.task_type == "worker":
        with open(WHO, "w", encoding="ascii") as f:
            f.write(str(resolver.task_id))
    server = tf.distribute.Server(resolver.cluster_spec(), job_name=resolver.task_type, task_index=resolver.task_id, protocol="grpc", start=True)
    print(f"{resolver.task_type} {resolver.task_id} serves", flush=True)
    server.join()


class Network:
    """One hidden layer; its variables live on the parameter servers."""

    def __init__(self, workers):
        init = tf.random.stateless_normal
        self.hidden = tf.Variable(init([PIXELS, HIDDEN], seed=[1, 2]) * PIXELS**-0.5, name="hidden")
        self.hidden_bias = tf.Variable(tf.zeros([HIDDEN]), name="hidden_bias")
        self.out = tf.Variable(init([HIDDEN, CLASSES], seed=[3, 4]) * HIDDEN**-0.5, name="out")
        self.out_bias = tf.Variable(tf.zeros([CLASSES]), name="out_bias")
        self.steps = tf.Variable(tf.zeros([workers], tf.int64), name="steps")
        self.trained = [self.hidden, self.hidden_bias, self.out, self.out_bias]

    def logits(self, images):
        return tf.nn.relu(images @ self.hidden + self.hidden_bias) @ self.out + self.out_bias

    def accuracy(self, images, labels):
        guess = tf.argmax(self.logits(images), axis=1, output_type=tf.int32)
        return float(tf.reduce_mean(tf.cast(guess == labels, tf.float32)))


def batches(directory):
    """A worker's own stream of (images, labels, its index)."""
    data = tf.data.FixedLengthRecordDataset(os.path.join(directory, "train.bin"), 1 + PIXELS)
    who = tf.strings.to_number(tf.io.read_file(WHO), tf.int32)
    data = data.shuffle(2000).repeat().batch(BATCH, drop_remainder=True)
    return data.map(lambda raw: (*decode(raw), who)).prefetch(4)


def coordinate(resolver, directory, result_file):
    """The chief's work: hand out the steps, then try the network on images that it has not seen."""
    workers = resolver.cluster_spec().num_tasks("worker")
    strategy = tf.distribute.ParameterServerStrategy(resolver)
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
    with strategy.scope():
        network = Network(workers)
    images, labels = decode(tf.io.read_file(os.path.join(directory, "test.bin")))
    untrained = network.accuracy(images, labels)
    print(f"untrained: held-out accuracy {untrained:.3f}", flush=True)

    @tf.function
    def step(stream):
        x, y, who = next(stream)
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(logits=network.logits(x), labels=y)
            loss = tf.reduce_mean(losses)
        for variable, gradient in zip(network.trained, tape.gradient(loss, network.trained)):
            variable.assign_sub(RATE * gradient)
        network.steps.assign_add(tf.one_hot(who, workers, dtype=tf.int64))
        return loss

    stream = iter(coordinator.create_per_worker_dataset(lambda: batches(directory)))
    began = time.monotonic()
    for done in range(0, STEPS, REPORT_EVERY):
        losses = [coordinator.schedule(step, args=(stream,)) for _ in range(REPORT_EVERY)]
        coordinator.join()
        loss = sum(coordinator.fetch(losses)) / REPORT_EVERY
        print(f"step {done + REPORT_EVERY} of {STEPS}: loss {loss:.3f}, held-out accuracy {network.accuracy(images, labels):.3f}", flush=True)
    accuracy = network.accuracy(images, labels)
    steps = network.steps.numpy().tolist()
    for index, count in enumerate(steps):
        print(f"worker {index} took {count} steps", flush=True)
    print(f"trained in {time.monotonic() - began:.1f} s: held-out accuracy {accuracy:.3f} (untrained {untrained:.3f})", flush=True)
    if result_file:
        with open(result_file, "w", encoding="ascii") as f:
            json.dump({"untrained": untrained, "accuracy": accuracy, "steps": steps}, f)
    if min(steps) == 0:
        sys.exit("a worker took no step")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if resolver.task_type in ("worker", "ps"):
        serve(resolver)
    else:
        coordinate(resolver, sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None)


if __name__ == "__main__":
    main()
