"""Single streams over every face: paused, resumed, cancelled by name; a held job, released, expired, killed."""

import json
import os
import time
import unittest

from pagecast_test import Agent, UdpReceiver, main, pb_bytes, until


def stamp(seconds):
    """@return the instant in so many seconds, as JSON has it."""
    at = time.time() + seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f"{at % 1:.3f}"[1:] + "Z"


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent("--workers", "3")
        cls.receivers = {name: UdpReceiver(keep=0) for name in ("voice", "data", "late")}

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        for receiver in cls.receivers.values():
            receiver.close()

    def stream(self, name, pps=200, **more):
        return {"name": name, "udp": {"address": "127.0.0.1", "port": self.receivers[name].port},
                "payloads": [{"text": "hello"}], "rate": {"pps": pps}, **more}

    def submit(self, *streams, agent=None, **more):
        job = (agent or self.agent).submit({"streams": list(streams), **more})
        if not agent:
            self.addCleanup(self.agent.post, f"/v1/jobs/{job['id']}:cancel")
        return job["id"]

    def three(self, **more):
        return self.submit(self.stream("voice", limit={"untilCancelled": True}),
                           self.stream("data", limit={"packets": 1000000}),
                           self.stream("late", limit={"packets": 5}, hold=True), **more)

    def call(self, job_id, verb, *names, **more):
        answer = self.agent.post(f"/v1/jobs/{job_id}:{verb}", {"streams": list(names), **more} if names else None)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def streams(self, job):
        return {one["name"]: one for one in job["streamResults"]}

    def states(self, job):
        return [one["state"].removeprefix("STREAM_STATE_") for one in job["streamResults"]]

    def sends(self, name):
        """Until something more arrives."""
        receiver = self.receivers[name]
        before = receiver.count
        until(lambda: receiver.count > before)

    def silent(self, name):
        """What is on its way arrives; then nothing does for a while."""
        time.sleep(0.05)
        before = self.receivers[name].count
        time.sleep(0.3)
        self.assertEqual(self.receivers[name].count, before)


class Streams(Base):
    def test_each_stream_is_paused_resumed_and_cancelled_alone(self):
        job_id = self.three()
        self.sends("data")
        self.sends("voice")
        job = self.call(job_id, "pause", "data")
        self.assertEqual((job["state"], self.states(job)),
                         ("JOB_STATE_RUNNING", ["RUNNING", "PAUSED", "PAUSED"]))
        self.assertEqual([one["held"] for one in job["streamResults"]], [False, True, True])
        paused = self.streams(job)["data"]["account"]["packetsSent"]
        self.silent("data")
        self.sends("voice")
        self.assertEqual(self.streams(self.agent.job(job_id))["data"]["account"]["packetsSent"], paused)
        job = self.call(job_id, "resume", "data", "late")
        self.assertEqual(self.streams(job)["data"]["baseline"]["packetsSent"], paused)
        self.assertEqual(self.streams(job)["late"]["baseline"]["packetsSent"], "0")
        self.sends("data")
        until(lambda: self.states(self.agent.job(job_id))[2] == "ENDED")
        job = self.call(job_id, "cancel", "data", reason="enough")
        self.assertEqual(self.states(job), ["RUNNING", "CANCELLED", "ENDED"])
        account = self.streams(job)["data"]["account"]
        self.assertTrue(account["balanced"])
        self.assertEqual(int(account["packetsSent"]) + int(account["packetsCancelled"]), 1000000)
        self.silent("data")
        self.sends("voice")
        self.call(job_id, "cancel", "voice")
        job = self.agent.wait_end(job_id)
        self.assertEqual((job["state"], job["cancelReason"]), ("JOB_STATE_CANCELLED", "enough"))
        self.assertTrue(job["account"]["balanced"])
        self.assertEqual(self.receivers["late"].count, 5)

    def test_lists_stay_small(self):
        job_id = self.three()
        self.sends("voice")
        listed = next(one for one in self.agent.get("/v1/jobs").json()["jobs"] if one["id"] == job_id)
        self.assertEqual(listed["streamResults"], [])

    def test_a_name_that_is_none_is_refused_and_nothing_is_touched(self):
        job_id = self.three()
        self.sends("voice")
        answer = self.agent.post(f"/v1/jobs/{job_id}:pause", {"streams": ["voice", "vioce"]})
        self.assertEqual(answer.status, 400)
        fault = answer.json()["details"][0]["debug"]["fieldViolations"][0]
        self.assertEqual(fault["field"], "streams[1]")
        self.assertIn('"vioce"; its names: "voice", "data", "late"', fault["description"])
        self.sends("voice")
        answer = self.agent.post(f"/v1/jobs/{job_id}:pause", {"streams": ["x"] * 1025})
        self.assertEqual(answer.status, 400)
        self.assertIn("1025", answer.json()["message"])

    def test_connect_and_the_audit_log_know_them(self):
        job_id = self.three()
        self.sends("voice")
        answer = self.agent.post("/pagecast.v1.TransmitService/PauseJob", {"id": job_id, "streams": ["voice"]})
        self.assertEqual(self.states(answer.json())[0], "PAUSED")
        body = pb_bytes(1, job_id) + pb_bytes(2, "voice")
        answer = self.agent.post("/pagecast.v1.TransmitService/ResumeJob", body,
                                 headers={"Content-Type": "application/proto"})
        self.assertEqual(answer.status, 200)
        self.sends("voice")
        self.call(job_id, "cancel", "voice", "data", reason="lunch")
        lines = [line for line in self.agent.log_text().splitlines() if job_id in line and "event=audit" in line]
        self.assertTrue(any("action=PauseJob" in line and "streams=voice" in line for line in lines), lines)
        self.assertTrue(any("action=CancelJob" in line and 'streams="voice, data"' in line and "why=lunch" in line
                            for line in lines), lines)


class Held(Base):
    def held(self, **more):
        return self.submit(self.stream("late", pps=1000, limit={"packets": 10}), hold=True, **more)

    def ready(self, job_id, agent=None):
        until(lambda: (agent or self.agent).job(job_id)["progress"]["ready"])
        return (agent or self.agent).job(job_id)

    def test_it_is_prepared_and_starts_when_it_is_told(self):
        job_id = self.held()
        job = self.ready(job_id)
        self.assertEqual(job["state"], "JOB_STATE_SCHEDULED")
        self.assertIn("release", job["progress"]["waitingFor"])
        before = self.receivers["late"].count
        answer = self.agent.request("PATCH", f"/v1/jobs/{job_id}", {"startTime": stamp(0.3)})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((answer.json()["spec"]["hold"], answer.json()["progress"]["waitingFor"]),
                         (False, "start_time"))
        job = self.agent.wait_end(job_id)
        self.assertEqual(job["state"], "JOB_STATE_SUCCEEDED")
        self.assertGreaterEqual(job["firstPacketTime"], job["spec"]["startTime"][:-1])
        self.assertEqual(self.receivers["late"].wait(before + 10), before + 10)

    def test_resume_starts_it_at_once(self):
        job_id = self.held()
        self.ready(job_id)
        self.assertEqual(self.agent.get("/v1/agent").json()["jobsQueued"], 1)
        answer = self.agent.post(f"/v1/jobs/{job_id}:resume")  # which says so once it has
        self.assertEqual(answer.status, 200)
        self.assertIn(answer.json()["state"], ("JOB_STATE_RUNNING", "JOB_STATE_SUCCEEDED"))
        self.assertEqual(self.agent.wait_end(job_id)["state"], "JOB_STATE_SUCCEEDED")

    def test_streams_of_a_held_job_are_known_from_its_first_moment(self):
        job_id = self.submit(self.stream("voice", limit={"packets": 1000}),
                             self.stream("late", limit={"packets": 5}, hold=True), hold=True)
        self.ready(job_id)
        job = self.agent.post(f"/v1/jobs/{job_id}:resume").json()
        self.assertEqual([(one["account"]["packetsRequested"], one["held"]) for one in job["streamResults"]],
                         [("1000", False), ("5", True)])
        job = self.agent.post(f"/v1/jobs/{job_id}:resume", {"streams": ["late"]}).json()
        self.assertFalse(job["streamResults"][1]["held"])

    def test_progress_goes_on_where_it_was_after_a_restart(self):
        with Agent("--workers", "2") as agent:
            job_id = self.submit(self.stream("voice", pps=1000, limit={"packets": 20}),
                                 self.stream("data", limit={"packets": 2000}),
                                 self.stream("late", limit={"packets": 2000}, hold=True),
                                 restartPolicy="RESUME", agent=agent)
            agent.wait_state(job_id, "JOB_STATE_RUNNING")
            until(lambda: self.streams(agent.job(job_id))["data"]["account"]["packetsSent"] != "0")
            before = agent.job(job_id)["progress"]["fraction"]
            for _ in range(3):
                agent.stop()
                agent.start()
                agent.wait_state(job_id, "JOB_STATE_RUNNING")
            job = agent.job(job_id)
            done = sum(one["progress"]["fraction"] for one in job["streamResults"]) / 3
            self.assertGreaterEqual(job["progress"]["fraction"], before)
            self.assertAlmostEqual(job["progress"]["fraction"], done, places=2)

    def test_nobody_releases_it(self):
        before = self.receivers["late"].count
        job = self.agent.wait_end(self.held(holdTimeout="0.2s"))
        self.assertEqual((job["state"], job["problems"][0]["code"], job["problems"][0]["field"]),
                         ("JOB_STATE_FAILED", "hold_expired", "holdTimeout"))
        self.assertEqual(job["account"]["packetsCancelled"], "10")
        self.assertEqual(self.receivers["late"].count, before)

    def test_an_event_tells_that_it_is_ready(self):
        job_id = self.held()
        job = self.agent.job(job_id)
        while not job["progress"]["ready"]:
            job = self.agent.get(f"/v1/jobs/{job_id}?wait=30", headers={
                "If-None-Match": f'"{job["revision"]}"'}).json()
        self.assertEqual(job["state"], "JOB_STATE_SCHEDULED")

    def test_one_worker_is_left_to_the_others(self):
        first, second, third = self.held(), self.held(), self.held()
        self.ready(first)
        self.ready(second)
        until(lambda: "held" in self.agent.job(third)["progress"]["waitingFor"])
        self.assertEqual(self.agent.job(third)["state"], "JOB_STATE_QUEUED")
        job = self.agent.submit({"streams": [self.stream("data", limit={"packets": 1})]})
        self.assertEqual(self.agent.wait_end(job["id"])["state"], "JOB_STATE_SUCCEEDED")
        self.agent.cancel(first)
        self.ready(third)

    def test_it_is_held_again_after_kill_9(self):
        with Agent("--workers", "2") as agent:
            job_id = self.submit(self.stream("late", pps=1000, limit={"packets": 10}), hold=True, agent=agent,
                                 restartPolicy="RESUME")
            self.ready(job_id, agent)
            agent.kill()
            agent.start()
            self.ready(job_id, agent)
            agent.request("PATCH", f"/v1/jobs/{job_id}", {"startTime": stamp(0)})
            self.assertEqual(agent.wait_end(job_id)["state"], "JOB_STATE_SUCCEEDED")

    def test_an_agent_takes_them_as_it_comes(self):
        with Agent(own_workers=True) as agent:
            cores = len(os.sched_getaffinity(0))
            self.assertEqual(agent.get("/v1/agent").json()["workers"], min(max(cores, 2), 64))
            job_id = self.submit(self.stream("late"), hold=True, agent=agent)
            self.ready(job_id, agent)

    def test_one_worker_is_too_few(self):
        with Agent("--workers", "1") as agent:
            answer = agent.post("/v1/jobs", {"streams": [self.stream("late")], "hold": True})
            self.assertEqual(answer.status, 400)
            self.assertIn("--workers 2", json.dumps(answer.json()))


if __name__ == "__main__":
    main()
