"""A small client of the service, for Python and for the shell.

    with Client("127.0.0.1:50051") as client:
        print(client.ask("How many patients have heart failure?").reading)

    python -m api.client ask "How many patients have heart failure?"

Clients in other languages, and Python programs that do not want this package, generate stubs from `proto/`:
examples/ shows both.
"""

import argparse
import gzip
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import grpc
import pyarrow as pa
from google.protobuf.json_format import MessageToJson

from anamnesis.v1 import (
    cohort_pb2,
    cohort_pb2_grpc,
    risk_pb2,
    risk_pb2_grpc,
    table_pb2,
    timeline_pb2,
    timeline_pb2_grpc,
)

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
ARROW: Final = table_pb2.TABLE_FORMAT_ARROW
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rows:
    """A table that came in pieces, and the summary that came after it."""

    table: pa.Table
    summary: Any


class Client:
    """Calls the service at `address`; every method raises grpc.RpcError with a status code and a sentence."""

    def __init__(self, address: str = DEFAULT_ADDRESS, credentials: grpc.ChannelCredentials | None = None) -> None:
        options = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
        self.channel = (
            grpc.insecure_channel(address, options)
            if credentials is None
            else grpc.secure_channel(address, credentials, options)
        )
        self.cohorts = cohort_pb2_grpc.CohortServiceStub(self.channel)
        self.timelines = timeline_pb2_grpc.TimelineServiceStub(self.channel)
        self.risks = risk_pb2_grpc.RiskServiceStub(self.channel)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.channel.close()

    def ask(self, question: str, session: str = "") -> cohort_pb2.AskResponse:
        """Ask in English, or follow the last question of a `session`; the answer may be an abstention."""
        request = cohort_pb2.AskRequest(question=question, format=ARROW, session=session)
        answer: cohort_pb2.AskResponse = self.cohorts.Ask(request)
        return answer

    def query(self, sql: str) -> Rows:
        """Run a guarded SELECT."""
        return _collect(self.cohorts.Query(cohort_pb2.QueryRequest(sql=sql, format=ARROW)))

    def run_cohort(self, task_name: str) -> Rows:
        """Extract the labels of a ready task, with the attrition in the summary."""
        request = cohort_pb2.RunCohortRequest(task_name=task_name, format=ARROW)
        return _collect(self.cohorts.RunCohort(request))

    def timeline(self, subject: str, max_events: int = 0) -> list[timeline_pb2.GetTimelineResponse]:
        """Return the messages of a timeline; the first names the patient."""
        request = timeline_pb2.GetTimelineRequest(subject=subject, max_events=max_events)
        return list(self.timelines.GetTimeline(request))

    def ingest(self, resources: Iterable[str]) -> timeline_pb2.IngestResponse:
        """Send FHIR resources or Bundles; all go in with one transaction."""
        requests = (timeline_pb2.IngestRequest(resources=[resource]) for resource in resources)
        response: timeline_pb2.IngestResponse = self.timelines.Ingest(requests)
        return response

    def delete(self, subject: str) -> timeline_pb2.DeleteSubjectResponse:
        """Delete a patient for good; the service must run with role admin."""
        request = timeline_pb2.DeleteSubjectRequest(subject=subject)
        response: timeline_pb2.DeleteSubjectResponse = self.timelines.DeleteSubject(request)
        return response

    def predict(self, model: str, task_name: str, subject: str, futures: int = 0) -> risk_pb2.PredictResponse:
        """Estimate a risk at the last time at which the task predicts for a patient."""
        request = risk_pb2.PredictRequest(model=model, task_name=task_name, subject=subject, futures=futures)
        response: risk_pb2.PredictResponse = self.risks.Predict(request)
        return response

    def explain(self, model: str, task_name: str, subject: str, max_records: int = 0) -> risk_pb2.ExplainResponse:
        """Say which records move the supervised estimate at the last time at which the task predicts."""
        request = risk_pb2.ExplainRequest(model=model, task_name=task_name, subject=subject, max_records=max_records)
        response: risk_pb2.ExplainResponse = self.risks.Explain(request)
        return response

    def models(self) -> list[risk_pb2.Model]:
        """List the trained models."""
        return list(self.risks.ListModels(risk_pb2.ListModelsRequest()).models)


def table_of(chunks: Sequence[table_pb2.TableChunk]) -> pa.Table:
    """Join Arrow chunks to a table."""
    return pa.ipc.open_stream(b"".join(chunk.data for chunk in chunks)).read_all()


def _collect(parts: Iterable[Any]) -> Rows:
    """Split a stream into its chunks and the summary at its end."""
    messages = list(parts)
    chunks = [message.chunk for message in messages if message.HasField("chunk")]
    return Rows(table_of(chunks), messages[-1].summary)


def main(argv: Sequence[str] | None = None) -> int:
    """Make one call and print its answer."""
    parser = argparse.ArgumentParser(prog="python -m api.client", description="Call a running 'ehr serve'.")
    parser.add_argument("--address", default=DEFAULT_ADDRESS, help=f"host:port (default {DEFAULT_ADDRESS})")
    calls = parser.add_subparsers(dest="call", required=True, metavar="CALL")
    ask = calls.add_parser("ask")
    ask.add_argument("question")
    ask.add_argument("--in", dest="session", default="", metavar="SESSION", help="session of an earlier answer")
    calls.add_parser("query").add_argument("sql")
    calls.add_parser("cohort").add_argument("task")
    calls.add_parser("timeline").add_argument("subject")
    calls.add_parser("delete").add_argument("subject")
    calls.add_parser("ingest").add_argument("file", type=Path, nargs="+", help="FHIR: .json or .ndjson, also .gz")
    calls.add_parser("models")
    predict = calls.add_parser("predict")
    for name in ("model", "task", "subject"):
        predict.add_argument(name)
    predict.add_argument("--futures", type=int, default=0, help="generated futures beside the supervised estimate")
    explain = calls.add_parser("explain")
    for name in ("model", "task", "subject"):
        explain.add_argument(name)
    explain.add_argument("--records", type=int, default=0, help="how many records to name (default 10)")
    args = parser.parse_args(argv)
    try:
        with Client(args.address) as client:
            print(_call(client, args))
    except grpc.RpcError as error:
        print(f"{error.code().name}: {error.details()}", file=sys.stderr)
        return 1
    return 0


def _call(client: Client, args: argparse.Namespace) -> str:
    """Make the call that was asked for and return what to print."""
    match args.call:
        case "ask":
            return _answer_text(client.ask(args.question, args.session))
        case "query":
            return _table_text(client.query(args.sql).table)
        case "cohort":
            return MessageToJson(client.run_cohort(args.task).summary)
        case "timeline":
            return "\n".join(MessageToJson(message) for message in client.timeline(args.subject))
        case "delete":
            return MessageToJson(client.delete(args.subject))
        case "ingest":
            resources = (resource for path in args.file for resource in _resources(path))
            return MessageToJson(client.ingest(resources))
        case "predict":
            return MessageToJson(client.predict(args.model, args.task, args.subject, args.futures))
        case "explain":
            return MessageToJson(client.explain(args.model, args.task, args.subject, args.records))
        case _:
            return "\n".join(MessageToJson(model) for model in client.models())


def _resources(path: Path) -> list[str]:
    """Return the resources of a file: its lines when it is NDJSON, else the whole of it."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = data.decode("utf-8-sig")
    return text.splitlines() if ".ndjson" in path.suffixes else [text]


def _answer_text(answer: cohort_pb2.AskResponse) -> str:
    if answer.HasField("abstention"):
        reason = cohort_pb2.AbstentionReason.Name(answer.abstention.reason).removeprefix("ABSTENTION_REASON_")
        return f"no answer ({reason}): {answer.abstention.message}"
    table = _table_text(table_of([answer.table])) if answer.HasField("table") else answer.sql
    return f"{answer.reading}\n{table}"


def _table_text(table: pa.Table) -> str:
    """Return a table as lines of tab-separated cells under its column names."""
    rows = ["\t".join(table.column_names)]
    rows += ["\t".join(str(cell) for cell in row.values()) for row in table.to_pylist()]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
