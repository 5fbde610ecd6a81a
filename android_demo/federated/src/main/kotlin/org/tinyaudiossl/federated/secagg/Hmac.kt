package org.tinyaudiossl.federated.secagg

import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec

private const val ALGORITHM = "HmacSHA256"

internal fun hmacSha256(key: ByteArray, data: ByteArray): ByteArray = Mac.getInstance(ALGORITHM).run {
    init(SecretKeySpec(key, ALGORITHM))
    doFinal(data)
}
