#!/bin/sh
# JupyterLab inside a machine: its kernel is the kit's, and JUPYTER_TOKEN, from outside, is what opens it.
export PYTHONPATH=/contain_lab PYTHONDONTWRITEBYTECODE=1
install -D -m 644 contain_lab/labkit/jupyter/kernel.json /usr/local/share/jupyter/kernels/python3/kernel.json
install -D -m 644 contain_lab/labkit/jupyter/overrides.json /usr/local/share/jupyter/lab/settings/overrides.json
[ -d /var/lib/contain_lab/images/busybox ] || contain-lab image bootstrap busybox &
exec jupyter lab --allow-root --no-browser --ip=0.0.0.0 --port=8888 --ServerApp.port_retries=0 \
  --ServerApp.root_dir=/contain_lab/labs --LabApp.default_url=/lab/tree/index.ipynb \
  --LabApp.extension_manager=readonly --log-level=ERROR
