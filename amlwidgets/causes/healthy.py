"""A few lines as healthy systems write them; what is frequent in them makes a poor fragment to search for."""

from __future__ import annotations

HEALTHY = """\
2026-11-21 04:15:46,509 I [31] azmlinfsrv - POST /score 200 0.695ms 4
2026-11-21T04:15:22,318 | root | INFO | 6f1c0e5a | 200 - 127.0.0.1 - - "POST /score HTTP/1.1" 83 "-" "python-requests"
[2026-11-21 04:15:22 +0000] [31] [INFO] Booting worker with pid: 31
[2026-11-21 04:15:22 +0000] [12] [DEBUG] POST /score keepalive=5 worker age=812 requests=55 max=0 loglevel=debug
2026-11-21T04:15:22.318456Z I1121 04:15:22 1 kubelet.go:1931] SyncLoop (PLEG): pod azureml-svc-0a1b2c type=Started
10.244.3.17 - - [21/Nov/2026:04:15:22 +0000] "GET /healthz HTTP/1.1" 200 7 "-" "kube-probe/1.31" upstream=127.0.0.1
Requirement already satisfied: numpy<3.0,>=1.21 in /azureml-envs/azureml_0a1b2c/lib/python3.11/site-packages (from -r)
Collecting scikit-learn==1.5.2 (from -r /azureml-environment-setup/condaenv.requirements.txt (line 4))
  Downloading pandas-2.2.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl (13.1 MB)
Installing collected packages: urllib3, six, certifi, requests, numpy, scipy, joblib, pandas, azureml-core
Step 7/15 : RUN ldconfig /usr/local/cuda/lib64/stubs && conda env create -p /azureml-envs/azureml -f environment.yml
Preparing transaction: ...working... done
Verifying transaction: ...working... done
Executing transaction: ...working... done
Scoring request 6f1c0e took 12.695 ms, rows=20, model=sklearn_regression:3, container=inference-server
INFO: Uvicorn running, application startup complete; server listening on port 5001; health probe returned in 3 ms
site-packages/sklearn/base.py:318: UserWarning: Trying to unpickle estimator LinearRegression from version 0.22
/opt/miniconda/lib/python3.11/site-packages/azureml/core/model.py loading of the model file completed successfully
"""
