"""Two sets: what must be masked, with its kind, and what must not. Every secret here is invented."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.core.masking import mask_lines
from amlwidgets.core.redact import mask

B64 = "Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3A"
HEX = "0123456789abcdef0123456789abcdef"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
LONG = "Ab1" * 14

SECRETS = {
    "SAS signature": ("GET /c/b?sv=2019&sig=AbCd%2B0123456789%3D&se=2030", "AbCd%2B0123456789%3D", "SAS signature"),
    "storage account key": (f"AccountName=a;AccountKey={B64}{B64}==;EndpointSuffix=x", B64, "account key"),
    "service bus key": (f"Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey={B64}=", B64, "shared access key"),
    "instrumentation key": ("InstrumentationKey=0f0f0f0f-1111-2222-3333-444444444444", "0f0f0f0f-1111", "instrumentation key"),
    "bearer": ("Authorization: Bearer abcDEF0123456789", "abcDEF0123456789", "bearer token"),
    "basic": ("authorization: basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNz", "credentials"),
    "shared key header": (f"Authorization: SharedKey acc:{B64}=", B64, "credentials"),
    "JWT": (f"got {JWT} from the issuer", "eyJzdWIi", "token"),
    "password in a URL": ("https://user:pa55w0rd@pkgs.example.com/simple", "pa55w0rd", "password"),
    "database URL": ("postgresql+psycopg2://svc:hunter22@db:5432/x", "hunter22", "password"),
    "password field": ('{"password": "my pass; word"}', "my pass; word", "password"),
    "password option": ("docker login -u me --password hunter22 reg.example.com", "hunter22", "password"),
    "client secret option": ("az login --client-secret=abcd1234efgh", "abcd1234efgh", "password"),
    "client secret": ("AZURE_CLIENT_SECRET=abc~DEF.1234567890", "abc~DEF.1234567890", "azure client secret"),
    "Entra secret by its look": (f"value abc8Q~{'Ab1_' * 8}xy given", "abc8Q~Ab1_", "client secret"),
    "registry auth": (f'{{"auths": {{"r.azurecr.io": {{"auth": "{B64}="}}}}}}', B64, "registry credentials"),
    "subscription key": (f"Ocp-Apim-Subscription-Key: {HEX}", HEX, "ocp apim subscription key"),
    "primary key": ('{"primaryKey": "abcd1234abcd"}', "abcd1234abcd", "primary key"),
    "connection string": ("connectionString=Server-tcp-x-User-y", "Server-tcp", "connection string"),
    "cookie": ("Set-Cookie: session=abcdef123456; Path=/", "abcdef123456", "cookie"),
    "AWS access key": ("using AKIAIOSFODNN7EXAMPLE now", "AKIAIOSFODNN7EXAMPLE", "AWS access key"),
    "AWS secret": (f"AWS_SECRET_ACCESS_KEY={LONG}", LONG, "aws secret access key"),
    "GitHub token": (f"git clone with ghp_{LONG}", LONG, "GitHub token"),
    "GitLab token": ("PRIVATE: glpat-abcDEF1234567890abcd", "abcDEF1234567890abcd", "GitLab token"),
    "Slack token": ("xoxb-123456789012-abcdefABCDEF", "123456789012-abc", "Slack token"),
    "Slack webhook": ("https://hooks.slack.com/services/T000/B000/abcdef", "T000/B000", "webhook address"),
    "Google API key": (f"maps?x=AIza{'aB3' * 11}dE&y=2", "aB3aB3", "Google API key"),
    "Stripe key": ("sk_live_abcdef1234567890", "abcdef1234567890", "Stripe key"),
    "model provider key": (f"openai sk-proj-{LONG}", LONG, "API key"),
    "Hugging Face token": (f"hf_{LONG}", LONG, "Hugging Face token"),
    "npm token": (f"//registry/: npm_{'aB3' * 12}", "aB3aB3", "npm token"),
    "Databricks token": (f"dapi{HEX}", HEX, "Databricks token"),
    "PyPI token": (f"pypi-AgE{LONG}{LONG}", LONG, "PyPI token"),
    "SendGrid key": ("SG.abcdefghij0123456789.abcdefghij0123456789ABCDEFG", "abcdefghij0123", "SendGrid key"),
    "token endpoint of the sandbox": (f"url: /msi/{LONG}/token (Caused by", LONG, "sandbox secret"),
    "secret in colours": ("sig=\x1b[31mAbCd\x1b[0m%2B0123456789%3D", "0123456789", "SAS signature"),
}  # fmt: skip

PLAIN = [
    f"digest sha256:{HEX}{HEX}",
    "commit 3f2a9c1d4e5b6a7980c1d2e3f4a5b6c7d8e9f0a1",
    f'2026-11-21 | root | INFO | {HEX} | 200 - "POST /score HTTP/1.0"',
    "subscription 0f0f0f0f-1111-2222-3333-444444444444 in westeurope",
    "/azureml-envs/azureml_0123456789abcdef0123456789abcdef/lib/python3.8",
    "--hash=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "Layer 4f4fb700ef54: pulled; etag 0x8D9C5E1B2A3F4C5",
    "keepalive=7 worker age=12 requests=1434",
    "KeyError: 'AZUREML_MODEL_DIR'",
    "Unexpected token: foobar in JSON",
    "tokenizer: BertTokenizer, max_tokens=512",
    "sort key: timestamp", "primary key of the table", "SSL key file not given",
    "scikit-learn==0.24.2 pandas==1.2.3", "if a == b: pass", "======== 3 passed in 0.1s ========",
    "https://pypi.example.com/simple/numpy/", "mailto://someone", "git clone git@host:repo", "user@example.com",
    "sig = signal(9)", "sk-learn is not scikit-learn", "task-12345678901234567890123456789012 done",
    "Asia/Singapore", "asian markets", "dapi-server started", "SG.1 release", "hf_hub_download(repo)", "npm_config_cache=/tmp",
    "authorization failed for user", "cookie: none", "the password is wrong", "no secret was given", "password: None",
    "xoxo", "Q~A", '"auth": null', "eyJ", "bearer of news",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_masked_and_its_kind_shown(name):
    text, secret, kind = SECRETS[name]
    whole = f"before\n{text}\nafter\n"
    for masked in (mask_lines(whole.encode()).decode(), mask(whole)):
        assert secret not in masked
        assert f"‹masked: {kind}›" in masked
        assert masked.startswith("before\n")
        assert masked.endswith("\nafter\n")
        assert mask(masked) == masked


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_within_quoted_json_is_masked_too(name):
    text, secret, _ = SECRETS[name]
    if "\x1b" not in text:
        for quoted in (json.dumps({"x": text}), json.dumps({"x": json.dumps({"y": text})})):
            assert secret not in mask(quoted)
            assert secret not in mask_lines(quoted.encode()).decode()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("text", ["A_", "_A1", "password=,", "eyJaaaaa.", "a-", "token=" + "a" * 200, "\\"])
def test_a_line_of_megabytes_is_masked_in_linear_time(text):
    """Before names were looked up where they stand, the first took 2.5 s a megabyte, and several times what it takes now."""
    line = text * (4_000_000 // len(text)) + " password=abcd1234efgh"
    assert "abcd1234efgh" not in mask(line)


def test_there_are_at_least_thirty_kinds():
    assert len(SECRETS) >= 30


@pytest.mark.parametrize("text", PLAIN)
def test_hashes_ids_and_plain_words_stay(text):
    assert mask_lines(f"{text}\n".encode()).decode() == f"{text}\n"


PEM = [
    "-----BEGIN RSA PRIVATE KEY-----",
    *[f"{B64}{n:04d}abcdefgh" for n in range(20)],
    "-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("cut", range(0, 23, 3))
def test_a_private_key_is_masked_wherever_the_log_is_cut(cut):
    lines = ["start", *PEM, "end"]
    first, second = "\n".join(lines[:cut]) + "\n" if cut else "", "\n".join(lines[cut:]) + "\n"
    masked = (mask_lines(first.encode()) + mask_lines(second.encode(), first.encode())).decode()
    assert B64 not in masked
    assert masked.count("‹masked: private key›") == 20
    assert masked.splitlines()[0] == "start"
    assert masked.splitlines()[-1] == "end"


SECRET = """\
apiVersion: v1
data:
  connection: cG9zdGdyZXM6Ly94
  nothing: ""
kind: Secret
metadata:
  name: db
"""


def test_the_data_of_a_kubernetes_secret_is_masked():
    masked = mask_lines(SECRET.encode()).decode()
    assert "cG9zdGdyZXM6Ly94" not in masked
    assert "  connection: ‹masked: Kubernetes secret›\n" in masked
    assert "name: db" in masked
    assert "kind: ConfigMap" in mask_lines(SECRET.replace("Secret", "ConfigMap").encode()).decode()
    assert "cG9zdGdyZXM6Ly94" in mask_lines(SECRET.replace("Secret", "ConfigMap").encode()).decode()


@given(st.text(alphabet="ab=: \n\"'\\eyJ./@keysigBearer password0://==-\x1b[m", max_size=300))
def test_the_quick_way_masks_what_the_thorough_way_masks(text):
    quick = mask_lines(text.encode()).decode()
    assert quick.count("\n") == text.count("\n")
    for got, line in zip(quick.split("\n"), text.split("\n"), strict=True):
        if "\x1b" not in line:
            assert got == mask(line)


def test_invalid_bytes_stay_and_secrets_beside_them_go():
    masked = mask_lines(b"\xff\xfe sig=AbCd%2B0123456789 \x80\n\xc3\n")
    assert masked == "\udcff\udcfe sig=‹masked: SAS signature› \udc80\n\udcc3\n".encode("utf-8", "surrogateescape")
