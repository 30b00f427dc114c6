"""Call a running `ehr serve` with nothing of Anamnesis but its .proto files.

Generate the stubs once, in any language; for Python:

    pip install grpcio grpcio-tools
    python -m grpc_tools.protoc -I proto --python_out=. --grpc_python_out=. proto/anamnesis/v1/*.proto

Then, with the service running:

    python examples/client.py [HOST:PORT]
"""

import json
import sys

import grpc

from anamnesis.v1 import cohort_pb2, cohort_pb2_grpc, risk_pb2, risk_pb2_grpc, table_pb2


def main(address: str = "127.0.0.1:50051") -> None:
    with grpc.insecure_channel(address) as channel:
        cohorts = cohort_pb2_grpc.CohortServiceStub(channel)
        risks = risk_pb2_grpc.RiskServiceStub(channel)

        question = cohort_pb2.AskRequest(
            question="How many patients have heart failure?", format=table_pb2.TABLE_FORMAT_JSON
        )
        answer = cohorts.Ask(question, timeout=10)
        print(answer.reading or answer.abstention.message)
        print(answer.table.data.decode(), end="")

        query = cohort_pb2.QueryRequest(
            sql="SELECT class, count(*) AS stays FROM encounter GROUP BY ALL ORDER BY stays DESC",
            format=table_pb2.TABLE_FORMAT_JSON,
        )
        for part in cohorts.Query(query, timeout=10):
            for line in part.chunk.data.decode().splitlines():
                print(json.loads(line))

        for model in risks.ListModels(risk_pb2.ListModelsRequest(), timeout=10).models:
            print("model", model.name, "version", model.version, "for", model.task or "any task")

        try:
            forbidden = cohort_pb2.QueryRequest(sql="DROP TABLE event")
            list(cohorts.Query(forbidden, timeout=10))
        except grpc.RpcError as error:
            print(error.code().name, error.details())


if __name__ == "__main__":
    main(*sys.argv[1:])
