#!/bin/sh
# JupyterLab inside a machine: its kernel is the kit's, and JUPYTER_TOKEN, from outside, is what opens it.
export PYTHONPATH=/contain_lab PYTHONDONTWRITEBYTECODE=1
kernel=/usr/local/share/jupyter/kernels/python3
settings=/usr/local/share/jupyter/lab/settings
mkdir -p "$kernel" "$settings"
cat >"$kernel/kernel.json" <<'JSON'
{
  "argv": ["python3", "-m", "contain_lab.labkit.kernel_entry", "-f", "{connection_file}"],
  "display_name": "Python 3 (contain_lab)",
  "language": "python",
  "metadata": {"debugger": true, "supported_encryption": ["curve"]}
}
JSON
cat >"$settings/overrides.json" <<'JSON'
{
  "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false},
  "@jupyterlab/extensionmanager-extension:plugin": {"enabled": false}
}
JSON
[ -d /var/lib/contain_lab/images/busybox ] || contain-lab image bootstrap busybox &
exec jupyter lab --allow-root --no-browser --ip=0.0.0.0 --port=8888 --ServerApp.port_retries=0 \
  --ServerApp.root_dir=/contain_lab/labs --LabApp.default_url=/lab/tree/index.ipynb \
  --LabApp.extension_manager=readonly --log-level=ERROR
