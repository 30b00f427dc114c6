"""Call any method of a running `ehr serve` with JSON, knowing nothing but its address: it describes itself.

    python examples/generic_client.py 127.0.0.1:50051
    python examples/generic_client.py 127.0.0.1:50051 anamnesis.v1.CohortService/Ask \
        '{"question": "How many patients have heart failure?", "format": "TABLE_FORMAT_JSON"}'

The same with grpcurl:

    grpcurl -plaintext 127.0.0.1:50051 list
    grpcurl -plaintext -d '{"question": "How many patients have heart failure?"}' \
        127.0.0.1:50051 anamnesis.v1.CohortService/Ask

Needs grpcio and grpcio-reflection.
"""

import sys
from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def main(address: str, method_name: str | None = None, *requests: str) -> int:
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        if method_name is None:
            list_methods(database, pool)
            return 0
        service, _, method = method_name.rpartition("/")
        descriptor = pool.FindServiceByName(service).methods_by_name[method]
        try:
            for answer in call(channel, descriptor, requests or ("{}",)):
                print(json_format.MessageToJson(answer))
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    return 0


def list_methods(database: ProtoReflectionDescriptorDatabase, pool: DescriptorPool) -> None:
    for service in sorted(database.get_services()):
        for method in pool.FindServiceByName(service).methods:
            print(f"{service}/{method.name}")


def call(channel: grpc.Channel, method: MethodDescriptor, requests: Iterable[str]) -> Iterable[Any]:
    request_class = GetMessageClass(method.input_type)
    kind = ("stream" if method.client_streaming else "unary", "stream" if method.server_streaming else "unary")
    invoke = getattr(channel, f"{kind[0]}_{kind[1]}")(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=request_class.SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    messages = [json_format.Parse(request, request_class()) for request in requests]
    answer = invoke(iter(messages) if method.client_streaming else messages[0])
    return answer if method.server_streaming else [answer]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
