"""curl and jq, as in a shell script: Connect's JSON by POST and GET."""

import shutil
import subprocess
import unittest

import pagecast_test as pt

SCRIPT = r"""
set -eu
call() { curl -sS --fail-with-body --compressed --json "$2" "$url/pagecast.v1.$1"; }

call AgentService/GetAgent '{}' | jq -e '.workers == 2' >/dev/null
id=$(call TransmitService/SubmitJob '{"spec":{"streams":[{"udp":{"address":"127.0.0.1","port":'"$port"'},
    "payloads":[{"text":"hello"}],"rate":{"pps":200},"limit":{"packets":20}}]}}' | jq -r .id)
until call TransmitService/GetJob "{\"id\":\"$id\"}" | jq -e 'has("endTime")' >/dev/null; do sleep 0.05; done
call TransmitService/GetJob "{\"id\":\"$id\"}" |
    jq -e '.state == "JOB_STATE_SUCCEEDED" and .account.packetsSent == "20"' >/dev/null

# GET, with the message in the query
curl -sS --fail-with-body -G --data-urlencode 'encoding=json' --data-urlencode "message={\"id\":\"$id\"}" \
    "$url/pagecast.v1.TransmitService/GetJob" | jq -e --arg id "$id" '.id == $id' >/dev/null

# an error: its status and its form
status=$(curl -sS -o "$answer" -w '%{http_code}' --json '{"id":"none"}' \
    "$url/pagecast.v1.TransmitService/GetJob")
[ "$status" = 404 ]
jq -e '.code == "not_found" and (.message | contains("none"))' "$answer" >/dev/null
echo done
"""


class Curl(unittest.TestCase):
    def test_a_shell_script(self):
        with pt.Agent("--workers", "2") as agent, pt.UdpReceiver() as receiver:
            ran = subprocess.run(["sh", "-c", SCRIPT], check=False, capture_output=True, text=True,
                                 timeout=60, env={"PATH": "/usr/bin:/bin", "url": agent.url,
                                                  "port": str(receiver.port),
                                                  "answer": f"{agent.folder}/answer"})
            self.assertEqual((ran.returncode, ran.stdout), (0, "done\n"), ran.stderr)
            self.assertEqual(receiver.wait(20), 20)


if __name__ == "__main__":
    for tool in ("curl", "jq"):
        if not shutil.which(tool):
            print(f"skipped: there is no {tool}")
            raise SystemExit(77)
    pt.main()
