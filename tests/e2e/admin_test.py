"""Goal: the admin API keeps its contract with a third-party client, including error codes.
Method: python3-grpcio with stubs made from admin.proto, against the real binary."""

import unittest

from admin_api import HEALTH, Admin, code_of, grpc, health_pb2, pb
from harness import TIMEOUT, EndToEnd, wait_until
from wire import Crowd, connect, echo_once, pattern, ping

INVALID = grpc.StatusCode.INVALID_ARGUMENT
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
NOT_FOUND = grpc.StatusCode.NOT_FOUND
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def seconds(value):
    return {"seconds": int(value), "nanos": round(value % 1 * 1e9)}


class AdminCase(EndToEnd):
    def setUp(self):
        self.server = self.gateway(reactors=2)
        self.admin = Admin(self.server)
        self.addCleanup(self.admin.close)
        self.call = self.admin.call

    def refused(self, code, method, *parts, **fields):
        with code_of(self, code, *parts):
            self.call(method, **fields)

    def succeeded(self, operation):
        done = self.admin.finish(operation)
        self.assertEqual(done.result, pb.OPERATION_RESULT_SUCCEEDED, done)
        return done

    def long_operation(self):
        """A drain of reactor 1 that lasts as long as one of its connections."""
        for _ in range(50):
            client = connect(self.server.address)
            self.addCleanup(client.close)
            ping(client)
            if self.call("ListReactors").reactors[1].counters.connections_active > 0:
                return self.call("Drain", reactor=1, let_finish=True,
                                 deadline=seconds(600)).operation
        raise AssertionError("50 connections and none on reactor 1")


class Reading(AdminCase):
    def test_info(self):
        info = self.call("GetInfo")
        self.assertRegex(info.version, r"^\d+\.\d+\.\d+$")
        self.assertEqual(info.pid, self.server.pid)
        self.assertEqual(info.poller, "epoll")
        self.assertEqual(info.transform, "none")
        self.assertEqual(list(info.listen_addresses), self.server.listen)
        self.assertEqual(info.admin_address, self.server.admin)
        self.assertEqual(info.metrics_address, self.server.metrics)
        self.assertEqual(info.config["reactors"], "2")
        self.assertTrue(info.steering_active)
        self.assertGreater(info.start_time.seconds, 1_600_000_000)

    def test_stats_count_what_happened(self):
        for i in range(10):
            echo_once(self.server.address, pattern(1000, i))
        with Crowd(self.server.address, 5) as crowd:
            crowd.echo()
            # A reply is counted when it is sent; the client may receive it earlier.
            wait_until(lambda: self.call("GetStats").total.sent_bytes >= 10 * 1000 + 5 * 64,
                       "every answer counted")
            stats = self.call("GetStats")
            self.assertEqual(stats.state, pb.GATEWAY_STATE_SERVING)
            total = stats.total
            self.assertEqual(total.connections_accepted, 15)
            self.assertEqual(total.connections_active, 5)
            self.assertEqual(total.connections_closed.peer_closed, 10)
            self.assertEqual(total.received_bytes, 10 * 1000 + 5 * 64)
            self.assertEqual(total.sent_bytes, total.received_bytes)
            self.assertEqual(len(stats.reactors), 2)
            for field in ("connections_accepted", "received_bytes", "wakeups"):
                self.assertEqual(sum(getattr(r.counters, field) for r in stats.reactors),
                                 getattr(total, field))
            self.assertGreater(total.loop_busy_nanoseconds, 0)
            self.assertGreater(stats.process_resident_bytes, 1 << 20)
            self.assertGreater(stats.uptime.ToNanoseconds(), 0)

    def test_reactors_and_their_listeners(self):
        reactors = self.call("ListReactors").reactors
        self.assertEqual([r.id for r in reactors], [0, 1])
        for reactor in reactors:
            self.assertEqual(reactor.state, pb.REACTOR_STATE_SERVING)
            self.assertEqual(reactor.cpu, -1)
            self.assertEqual(reactor.steering_weight, 1)
            self.assertEqual([(l.slot, l.owner, l.address) for l in reactor.listeners],
                             [(reactor.id, reactor.id, self.server.target)])
            self.assertGreater(reactor.listeners[0].accept_queue_limit, 0)

    def test_watch_stats(self):
        watch = self.admin.stub.WatchStats(
            pb.WatchStatsRequest(interval=seconds(0.02)), timeout=TIMEOUT)
        first = next(watch).stats
        echo_once(self.server.address, pattern(100))
        stats = next(s.stats for s in watch if s.stats.total.received_bytes == 100)
        self.assertGreater(stats.time.ToNanoseconds(), first.time.ToNanoseconds())
        watch.cancel()

    def test_watch_stats_refuses_bad_intervals(self):
        for interval in (0.001, 3601.0):
            with code_of(self, INVALID, "interval"):
                next(self.admin.stub.WatchStats(
                    pb.WatchStatsRequest(interval=seconds(interval)), timeout=TIMEOUT))

    def test_watchers_are_told_when_the_gateway_stops(self):
        watch = self.admin.stub.WatchStats(pb.WatchStatsRequest(interval=seconds(0.02)))
        next(watch)
        self.server.drained()
        with code_of(self, UNAVAILABLE):
            for _ in watch:
                pass

    def test_a_quiet_watch_survives_keep_alive_pings(self):
        options = [("grpc.keepalive_time_ms", 10000), ("grpc.http2.max_pings_without_data", 0)]
        with grpc.insecure_channel(self.server.admin, options) as channel:
            stub = type(self.admin.stub)(channel)
            with code_of(self, grpc.StatusCode.DEADLINE_EXCEEDED):
                for _ in stub.WatchEvents(pb.WatchEventsRequest(), timeout=36):
                    pass

    def test_unknown_method_and_oversized_request(self):
        nonsense = self.admin.channel.unary_unary("/echogw.admin.v1.Admin/Nonsense")
        with code_of(self, grpc.StatusCode.UNIMPLEMENTED):
            nonsense(b"", timeout=TIMEOUT)
        weights = [pb.SteeringWeight(reactor=1, weight=1)] * 100_000
        self.refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "SetSteering", weights=weights)
        garbage = self.admin.channel.unary_unary("/echogw.admin.v1.Admin/Resize")
        with self.assertRaises(grpc.RpcError):
            garbage(b"\xff\xff\xff", timeout=TIMEOUT)
        self.assertEqual(self.call("GetStats").state, pb.GATEWAY_STATE_SERVING)


class Changing(AdminCase):
    def test_resize_up_and_down(self):
        done = self.succeeded(self.call("Resize", target=5).operation)
        self.assertEqual((done.kind, done.reactors_before, done.reactors_target),
                         (pb.OPERATION_KIND_RESIZE, 2, 5))
        with Crowd(self.server.address, 60) as crowd:
            crowd.echo(1)
            moving = sum(r.counters.connections_active
                         for r in self.call("ListReactors").reactors[1:])
            done = self.succeeded(self.call("Resize", target=1).operation)
            self.assertEqual(done.connections_moved, moving)
            self.assertEqual((done.connections_closed, done.connections_reset), (0, 0))
            self.assertEqual([p.name for p in done.phases],
                             ["steer", "park-listeners", "move-connections", "join"])
            reactors = self.call("ListReactors").reactors
            self.assertEqual([r.state for r in reactors],
                             [pb.REACTOR_STATE_SERVING] + [pb.REACTOR_STATE_PARKED] * 4)
            # A remaining reactor accepts from every parked listener.
            self.assertEqual(sorted(l.slot for l in reactors[0].listeners), [0, 1, 2, 3, 4])
            self.assertEqual(crowd.echo(2), 60)
            for r in reactors:
                c = r.counters
                closed = sum(v for _, v in c.connections_closed.ListFields())
                self.assertEqual(c.connections_accepted + c.connections_moved_in,
                                 c.connections_moved_out + closed + c.connections_active)

    def test_resize_refuses_what_can_never_work(self):
        for target in (0, 257):
            self.refused(INVALID, "Resize", "target", target=target)
        self.refused(INVALID, "Resize", "deadline", target=2, deadline={"seconds": -1})
        self.refused(INVALID, "Resize", "deadline", target=2, deadline={"seconds": 1 << 40})

    def test_resize_dry_run_changes_nothing(self):
        done = self.succeeded(self.call("Resize", target=1, dry_run=True).operation)
        self.assertTrue(done.dry_run)
        self.assertIn("would", done.message)
        self.assertEqual(len([r for r in self.call("ListReactors").reactors
                              if r.state == pb.REACTOR_STATE_SERVING]), 2)

    def test_resize_to_256_and_back(self):
        self.succeeded(self.call("Resize", target=256).operation)
        with Crowd(self.server.address, 50) as crowd:
            self.assertEqual(crowd.echo(1), 50)
            self.succeeded(self.call("Resize", target=2).operation)
            self.assertEqual(crowd.echo(2), 50)

    def test_one_operation_at_a_time(self):
        running = self.long_operation()
        self.assertEqual(running.result, pb.OPERATION_RESULT_RUNNING)
        self.refused(PRECONDITION, "Resize", "under way", target=3)
        self.refused(PRECONDITION, "Move", from_reactor=0, to_reactor=1)
        self.refused(PRECONDITION, "Rebalance")
        self.refused(PRECONDITION, "SetSteering", reset=True)
        self.refused(PRECONDITION, "Drain", reactor=0)
        self.assertEqual(self.call("Undrain", reactor=1).state, pb.GATEWAY_STATE_SERVING)
        done = self.admin.finish(running)
        self.assertEqual(done.result, pb.OPERATION_RESULT_CANCELLED)
        self.succeeded(self.call("Resize", target=3).operation)

    def test_move(self):
        with Crowd(self.server.address, 40) as crowd:
            crowd.echo(1)
            before = self.call("ListReactors").reactors[0].counters.connections_active
            self.assertGreater(before, 3)
            done = self.succeeded(
                self.call("Move", from_reactor=0, to_reactor=1, connections=3).operation)
            self.assertEqual((done.connections_moved, done.reactor), (3, 0))
            done = self.succeeded(self.call("Move", from_reactor=0, to_reactor=1).operation)
            self.assertEqual(done.connections_moved, before - 3)
            active = [r.counters.connections_active for r in self.call("ListReactors").reactors]
            self.assertEqual(active, [0, 40])
            self.assertEqual(crowd.echo(2), 40)

    def test_move_refuses_what_can_never_work(self):
        self.refused(INVALID, "Move", from_reactor=1, to_reactor=1)
        self.refused(INVALID, "Move", from_reactor=300, to_reactor=1)
        self.refused(INVALID, "Move", from_reactor=0, to_reactor=7)

    def test_rebalance(self):
        with Crowd(self.server.address, 40) as crowd:
            crowd.echo(1)
            self.succeeded(self.call("Move", from_reactor=0, to_reactor=1).operation)
            done = self.succeeded(self.call("Rebalance", dry_run=True).operation)
            self.assertEqual(done.imbalance_before, 2.0)
            self.assertEqual([(m.from_reactor, m.to_reactor, m.connections) for m in done.moves],
                             [(1, 0, 20)])
            done = self.succeeded(self.call("Rebalance", max_moves=5).operation)
            self.assertEqual(done.connections_moved, 5)
            done = self.succeeded(self.call("Rebalance").operation)
            self.assertEqual((done.connections_moved, done.imbalance_after), (15, 1.0))
            self.assertEqual(crowd.echo(2), 40)

    def test_rebalance_mode(self):
        answer = self.call("Rebalance", auto=pb.AUTO_REBALANCE_ON)
        self.assertTrue(answer.auto_enabled)
        self.assertFalse(answer.HasField("operation"))
        self.assertFalse(self.call("Rebalance", auto=pb.AUTO_REBALANCE_OFF).auto_enabled)
        self.refused(INVALID, "Rebalance", "dry_run", auto=pb.AUTO_REBALANCE_ON, dry_run=True)
        self.refused(INVALID, "Rebalance", "policy", policy=99)

    def test_steering(self):
        answer = self.call("SetSteering", weights=[{"reactor": 0, "weight": 0}])
        self.assertEqual([(w.reactor, w.weight) for w in answer.weights], [(0, 0), (1, 1)])
        self.assertTrue(answer.steering_active)
        with Crowd(self.server.address, 30):
            wait_until(lambda: self.call("GetStats").total.connections_active == 30, "all in")
            self.assertEqual([r.counters.connections_active
                              for r in self.call("ListReactors").reactors], [0, 30])
        answer = self.call("SetSteering", reset=True)
        self.assertEqual([w.weight for w in answer.weights], [1, 1])

    def test_steering_refuses_what_can_never_work(self):
        for weights in ([], [{"reactor": 0, "weight": 1001}], [{"reactor": 300, "weight": 1}],
                        [{"reactor": 9, "weight": 1}],
                        [{"reactor": 0, "weight": 1}, {"reactor": 0, "weight": 2}],
                        [{"reactor": 0, "weight": 0}, {"reactor": 1, "weight": 0}]):
            self.refused(INVALID, "SetSteering", weights=weights)

    def test_steering_that_is_off(self):
        server = self.gateway("--steering", "off")
        admin = Admin(server)
        self.addCleanup(admin.close)
        self.assertFalse(admin.call("GetInfo").steering_active)
        with code_of(self, PRECONDITION, "steering"):
            admin.call("SetSteering", weights=[{"reactor": 0, "weight": 3}])


class Draining(AdminCase):
    def test_reactor(self):
        with Crowd(self.server.address, 40) as crowd:
            crowd.echo(1)
            done = self.succeeded(self.call("Drain", reactor=1).operation)
            self.assertEqual(done.kind, pb.OPERATION_KIND_DRAIN_REACTOR)
            reactors = self.call("ListReactors").reactors
            self.assertEqual(reactors[1].state, pb.REACTOR_STATE_DRAINED)
            self.assertEqual(reactors[0].counters.connections_active, 40)
            self.assertEqual(crowd.echo(2), 40)
            with Crowd(self.server.address, 20) as more:
                self.assertEqual(more.echo(3), 20)
                self.assertEqual(
                    self.call("ListReactors").reactors[1].counters.connections_active, 0)
            self.call("Undrain", reactor=1)
            self.assertEqual(self.call("ListReactors").reactors[1].state,
                             pb.REACTOR_STATE_SERVING)

    def test_reactor_that_lets_finish_times_out(self):
        self.long_operation()
        self.call("Undrain", reactor=1)
        operation = self.call("Drain", reactor=1, let_finish=True, deadline=seconds(0.1)).operation
        done = self.admin.finish(operation)
        self.assertEqual(done.result, pb.OPERATION_RESULT_TIMED_OUT)
        self.assertGreater(done.connections_left, 0)

    def test_what_can_never_work(self):
        self.refused(INVALID, "Drain", "let_finish", let_finish=True)
        self.refused(INVALID, "Drain", "spread", reactor=1, spread=seconds(1))
        self.refused(INVALID, "Drain", "refuse", reactor=1, refuse=pb.REFUSE_MODE_RESET)
        self.refused(INVALID, "Drain", "refuse", refuse=77)
        self.refused(INVALID, "Drain", reactor=7)
        self.refused(INVALID, "Drain", "deadline", deadline={"seconds": -5})
        self.refused(INVALID, "Undrain", reactor=300)

    def test_the_last_reactor_stays(self):
        self.succeeded(self.call("Drain", reactor=0).operation)
        self.refused(PRECONDITION, "Drain", "only", reactor=1)

    def test_gateway_and_back(self):
        with Crowd(self.server.address, 10) as crowd:
            crowd.echo(1)
            operation = self.call("Drain", quiet_period=seconds(60), quiet_max_wait=seconds(60),
                                  deadline=seconds(120)).operation
            wait_until(lambda: self.call("GetStats").state == pb.GATEWAY_STATE_QUIET, "quiet")
            self.refused(PRECONDITION, "Drain", "quiet")
            self.refused(PRECONDITION, "Resize", target=3)
            self.assertEqual(echo_once(self.server.address, b"late"), b"late")
            self.assertEqual(self.call("Undrain").state, pb.GATEWAY_STATE_SERVING)
            self.assertEqual(self.admin.finish(operation).result, pb.OPERATION_RESULT_CANCELLED)
            self.assertEqual(crowd.echo(2), 10)
        self.succeeded(self.call("Resize", target=3).operation)

    def test_gateway_to_the_end_and_back(self):
        with Crowd(self.server.address, 10) as crowd:
            crowd.echo(1)
            operation = self.call("Drain", quiet_period={}, spread=seconds(0.1)).operation
            for client in crowd.clients:
                with client:
                    self.assertEqual(client.recv(1), b"")
            done = self.succeeded(operation)
            self.assertEqual([p.name for p in done.phases],
                             ["unhealthy", "quiet", "refusing", "closing"])
            self.assertEqual((done.connections_closed, done.connections_reset), (10, 0))
        self.assertEqual(self.call("GetStats").state, pb.GATEWAY_STATE_DRAINED)
        self.assertEqual(self.call("Undrain").state, pb.GATEWAY_STATE_SERVING)
        self.assertEqual(echo_once(self.server.address, b"back"), b"back")

    def test_health_follows(self):
        service = "echogw.admin.v1.Admin"
        self.assertEqual(self.admin.serving(), HEALTH.SERVING)
        self.assertEqual(self.admin.serving(service), HEALTH.SERVING)
        with code_of_health(self):
            self.admin.serving("nobody")
        watch = self.admin.health.Watch(
            health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT)
        self.assertEqual(next(watch).status, HEALTH.SERVING)
        self.call("Drain", quiet_period=seconds(60), quiet_max_wait=seconds(60),
                  deadline=seconds(120))
        self.assertEqual(next(watch).status, HEALTH.NOT_SERVING)
        self.call("Undrain")
        self.assertEqual(next(watch).status, HEALTH.SERVING)
        watch.cancel()


def code_of_health(test):
    """gRPC's health service returns NOT_FOUND without details."""
    return test.assertRaisesRegex(grpc.RpcError, "NOT_FOUND")


class Operations(AdminCase):
    def test_none_yet(self):
        self.refused(NOT_FOUND, "GetOperation")
        with code_of(self, NOT_FOUND):
            next(self.admin.stub.WatchOperation(pb.WatchOperationRequest(), timeout=TIMEOUT))

    def test_by_number_and_newest(self):
        for i, target in enumerate((3, 1, 2), start=1):
            self.assertEqual(self.succeeded(self.call("Resize", target=target).operation).id, i)
        self.assertEqual(self.call("GetOperation").operation.id, 3)
        first = self.call("GetOperation", id=1).operation
        self.assertEqual((first.reactors_before, first.reactors_target), (2, 3))
        self.assertGreater(first.elapsed.ToNanoseconds(), 0)
        self.refused(NOT_FOUND, "GetOperation", "99", id=99)

    def test_watch_shows_phases_and_ends(self):
        updates = [u.operation for u in self.admin.stub.WatchOperation(
            pb.WatchOperationRequest(id=self.call("Resize", target=4).operation.id),
            timeout=TIMEOUT)]
        self.assertEqual(updates[-1].result, pb.OPERATION_RESULT_SUCCEEDED)
        self.assertEqual([p.name for p in updates[-1].phases],
                         ["start", "adopt-listeners", "steer"])
        # A finished operation is reported once.
        again = list(self.admin.stub.WatchOperation(pb.WatchOperationRequest(), timeout=TIMEOUT))
        self.assertEqual([u.operation.id for u in again], [updates[-1].id])


if __name__ == "__main__":
    unittest.main()
