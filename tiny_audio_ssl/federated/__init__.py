"""Federated pre-training with Flower: the library's tasks, on clients that keep their recordings.

```
config              FederatedConfig: every setting, once
config_checks       checks of single settings
app_project         the Flower app's files, generated from the settings
device_folder       the folder that a native device needs
enrollment          the file or QR code with which a phone takes part

client_app          the Flower ClientApp: unpacks messages, packs replies
local_training      training steps and evaluation on a client's recordings
supernode           Flower's SuperNode, which forks a process for each message
fork_server         imports modules once, and forks a child for each job
backends            gradients by eager PyTorch or by ExecuTorch
recordings          a client's recordings
partitions          the division of a corpus among simulated clients

model_vectors       a model as two vectors
update_encoding     updates as float32, float16 or int8
privacy             differential privacy and its budget
privacy_ledger      privacy.jsonl: the updates that were asked for
secure_aggregation  SecAgg+ around our messages

server_app          the Flower ServerApp
server_loop         the rounds
counting_grid       bytes and errors of each client
reply_validation    validation of the clients' replies
strategies          Flower's strategies by name
global_model        the server's model and its checkpoints
client_log          clients.jsonl
run_files           the names of these files, and Flower's logs

simulate            many clients on one machine
simulation          the process of a simulation
simulated_grid      messages to clients that forked processes play
loopback            a real deployment on one machine
processes           Flower's processes
orphan_guard        ends them even if their parent is killed
credentials         certificates and keys for loopback
centralized         the baseline
plot                the chart of both
```
"""
