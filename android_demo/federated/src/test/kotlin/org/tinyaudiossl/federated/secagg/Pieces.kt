package org.tinyaudiossl.federated.secagg

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.SecureRandom
import org.json.JSONArray
import org.json.JSONObject

/** Its bytes count: 0, 1, ..., 255, 0, ...; so that Python can draw the same. */
private class CountingRandom : SecureRandom() {
    private var at = 0

    override fun nextBytes(bytes: ByteArray) {
        for (i in bytes.indices) bytes[i] = at++.toByte()
    }
}

/** Reads `asked.json`, and writes `found.json`: each piece of the protocol, byte strings in hexadecimal. */
internal fun secureAggregationPieces(folder: File) {
    val asked = JSONObject(File(folder, "asked.json").readText())
    val key = AgreementKey.of(asked.getString("private").toByteArray(), asked.getString("public").toByteArray())
    val made = AgreementKey.generate(SecureRandom())
    val other = asked.getString("other").toByteArray()
    val secret = key.secretWith(other)
    val secrets = asked.getJSONArray("secrets").strings().map(::bytes)
    val shares = secrets.map { Shamir.split(it, asked.getInt("threshold"), asked.getInt("shares"), CountingRandom()) }
    val fernet = Fernet(secret)
    val seed = bytes(asked.getString("seed"))
    val masks = asked.getJSONArray("mod_ranges").strings().map { range ->
        MaskGenerator(seed, range.toLong()).let { generator -> List(1_500) { generator.next() } }
    }
    val found = JSONObject()
        .put("secret", hex(secret))
        .put("made", JSONArray(listOf(String(made.privatePem), String(made.publicPem), hex(made.secretWith(other)))))
        .put("shares", JSONArray(shares.map { JSONArray(it.map(::hex)) }))
        .put("token", String(fernet.encrypt(bytes(asked.getString("text")), timeS = 1_800_000_000, CountingRandom())))
        .put("text", hex(fernet.decrypt(asked.getString("token").toByteArray())))
        .put("letter", hex(SharePair(byteArrayOf(1, 2), byteArrayOf(3)).letter(source = -5, destination = 9)))
        .put("masks", JSONArray(masks.map { JSONArray(it) }))
        .put("quantized", JSONArray(quantized(folder, asked)))
    File(folder, "found.json").writeText(found.toString())
}

/** The weight's factor, then the update of `update.f32`, rounded as the numbers of `uniform.f64` say. */
private fun quantized(folder: File, asked: JSONObject): List<Long> {
    fun file(name: String) = ByteBuffer.wrap(File(folder, name).readBytes()).order(ByteOrder.LITTLE_ENDIAN)
    val uniform = file("uniform.f64").asDoubleBuffer()
    val update = file("update.f32").asFloatBuffer().let { FloatArray(it.remaining()).also(it::get) }
    val quantizer = Quantizer(asked.getDouble("range"), targetRange = 1L shl 22, uniform::get)
    val factor = quantizer.factor(asked.getLong("weight"), maxWeight = 1000.0)
    return listOf(factor) + quantizer.quantized(update, factor).toList()
}

private fun JSONArray.strings() = List(length()) { get(it).toString() }

private fun hex(bytes: ByteArray) = bytes.joinToString("") { "%02x".format(it) }

private fun bytes(hex: String) = hex.chunked(2).map { it.toInt(16).toByte() }.toByteArray()
