package org.tinyaudiossl.federated.device

import kotlin.math.abs
import kotlin.math.round
import org.tinyaudiossl.federated.records.ArrayRecord
import org.tinyaudiossl.federated.records.NumericArray

/** An update as it is sent, and the numbers that the server will read of it. */
class EncodedUpdate(val record: ArrayRecord, val decoded: FloatArray)

/** Updates as arrays of float32, float16 or int8: tiny_audio_ssl/federated/update_encoding.py. */
internal object UpdateEncoding {
    private const val BLOCK = 256 // int8: so many numbers share a scale

    fun encode(update: FloatArray, encoding: Encoding): EncodedUpdate = when (encoding) {
        Encoding.FLOAT32 -> EncodedUpdate(record("update" to NumericArray.of(update)), update)
        Encoding.FLOAT16 -> {
            val bits = ShortArray(update.size) { HalfFloat.toBits(update[it]) }
            val decoded = FloatArray(update.size) { HalfFloat.toFloat(bits[it]) }
            EncodedUpdate(record("update" to NumericArray.ofHalfBits(bits)), decoded)
        }
        Encoding.INT8 -> int8(update)
    }

    private fun int8(update: FloatArray): EncodedUpdate {
        val scales = FloatArray((update.size + BLOCK - 1) / BLOCK) { block ->
            val indices = block * BLOCK until minOf((block + 1) * BLOCK, update.size)
            indices.maxOf { abs(update[it]) } / 127
        }
        val steps = ByteArray(update.size) { i ->
            val scale = scales[i / BLOCK]
            round(update[i] / if (scale > 0) scale else 1f).toInt().toByte()
        }
        val decoded = FloatArray(update.size) { steps[it] * scales[it / BLOCK] }
        val arrays = record("update" to NumericArray.of(steps), "scales" to NumericArray.of(scales))
        return EncodedUpdate(arrays, decoded)
    }

    private fun record(vararg arrays: Pair<String, NumericArray>) = ArrayRecord(mapOf(*arrays))
}
