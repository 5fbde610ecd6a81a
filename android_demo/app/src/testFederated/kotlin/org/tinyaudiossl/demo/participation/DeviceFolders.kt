package org.tinyaudiossl.demo.participation

import java.io.File
import java.security.MessageDigest
import org.json.JSONArray
import org.json.JSONObject
import org.tinyaudiossl.federated.training.DeviceFolder

private val DEFAULTS = mapOf(
    "task" to "temporal-gap", "artifact-sha256" to "", "secure-aggregation" to false, "privacy" to "none",
    "norm" to "frozen", "train-only" to "", "encoding" to "float32", "max-weight" to 1000L, "seed" to 1L,
    "local-steps" to 2L, "rounds" to 3L, "learning-rate" to 0.1, "warmup-steps" to 0L, "weight-decay" to 0.0,
    "gradient-clip" to 1.0, "strategy" to "fedavg", "proximal-mu" to 0.01, "batch-size" to 2L,
    "clipping-norm" to 1.0, "noise-multiplier" to 1.0,
)

/** The folder of a model of seven parameters, whose artifacts are the words `pte` and `mel`. */
internal fun deviceFolder(folder: File): DeviceFolder {
    folder.mkdirs()
    File(folder, "training.pte").writeText("pte")
    File(folder, "logmel.pte").writeText("mel")
    fun shape(name: String, vararg lengths: Int) = JSONObject().put("name", name).put("shape", JSONArray(lengths.toList()))
    val app = JSONObject().put("id", "tiny-audio-ssl/app").put("version", "0.1.0").put("defaults", JSONObject(DEFAULTS))
    val described = JSONObject()
        .put("format_version", 1).put("app", app)
        .put("task", "temporal-gap").put("batch_size", 2).put("crop_samples", 20)
        .put("slices", JSONObject("{'bands': 1, 'clip_frames': 20, 'slice_frames': 8, 'stride_frames': 0, 'context': 0}"))
        .put("inputs", JSONArray(listOf(shape("first", 2, 1, 1, 8), shape("second", 2, 1, 1, 8), shape("gap", 2))))
        .put("parameters", JSONArray(listOf(shape("weight", 2, 2), shape("bias", 3))))
        .put("fixed", JSONObject().put("count", 2).put("sha256", hash(ByteArray(8))))
        .put("training", JSONObject().put("file", "training.pte").put("sha256", hash("pte")))
        .put("frontend", JSONObject().put("file", "logmel.pte").put("sha256", hash("mel")))
    File(folder, "device.json").writeText(described.toString())
    return DeviceFolder.open(folder)
}

internal fun hash(text: String) = hash(text.toByteArray())

private fun hash(bytes: ByteArray) =
    MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }
