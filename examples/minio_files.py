"""Files in MinIO with plain boto3, as in any S3: written, listed, read, and handed out by a link that expires."""

import os
import uuid

import boto3
from botocore.config import Config
from dotenv import load_dotenv

# What lies below temporary/ is removed after a week.
BUCKET, PREFIX = "system-artifacts", "temporary/example/"
LINK_SECONDS = 60


def main() -> None:
    load_dotenv()
    env = os.environ
    scheme = "https" if env.get("MINIO_SECURE") == "true" else "http"
    client = boto3.client(
        "s3",
        endpoint_url=f"{scheme}://{env['MINIO_HOST']}:{env['MINIO_PORT']}",
        aws_access_key_id=env["MINIO_ACCESS_KEY"],
        aws_secret_access_key=env["MINIO_SECRET_KEY"],
        region_name="us-east-1",
        verify=env.get("KAREN_CA_CERTIFICATE"),
        config=Config(s3={"addressing_style": "path"}),
    )
    key = f"{PREFIX}{uuid.uuid4().hex}.txt"
    client.put_object(Bucket=BUCKET, Key=key, Body=b"The cat sleeps on the windowsill.", ContentType="text/plain")
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix=key)
    print(f"wrote {listed['KeyCount']} file of {listed['Contents'][0]['Size']} bytes")
    print(f"read: {client.get_object(Bucket=BUCKET, Key=key)['Body'].read().decode()}")
    link = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=LINK_SECONDS)
    print(f"link: {link.partition('?')[0].removesuffix(key)}...")
    client.delete_object(Bucket=BUCKET, Key=key)
    print("removed it")


if __name__ == "__main__":
    main()
