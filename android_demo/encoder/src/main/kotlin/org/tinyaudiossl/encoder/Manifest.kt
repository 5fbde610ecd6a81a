package org.tinyaudiossl.encoder

import java.io.File
import java.io.IOException
import java.security.MessageDigest
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/** A manifest or artifact that is missing, damaged or of another version. The message is for users. */
class ManifestException(message: String, cause: Throwable? = null) : IOException(message, cause)

/** One tensor that a stream hands from a run to the next; [shape] with a batch of one. */
data class State(val input: String, val output: String, val shape: List<Long>) {
    val size: Int get() = shape.fold(1L, Long::times).toInt()
}

/** What the manifest says of one artifact; [inputShape] with a batch of one. */
data class Artifact(
    val file: String,
    val sha256: String,
    val bytes: Long,
    val runtime: String, // "onnxruntime" or "executorch"
    val precision: String,
    val inputKind: String, // "waveform", "stream" or "mel"
    val inputShape: List<Long>,
    val outputs: List<String>,
    val embeddingDim: Int,
    val windowSamples: Int, // that an embedding has heard
    val state: List<State>, // of a stream
    val learnedDim: Int = embeddingDim, // the first numbers, behind which are the log-mel's statistics
    val fullAfterSamples: Int = 0, // of sound, until the encoder reads nothing but it, no silence before it
    val asTrained: Boolean = true, // false for a stream of other slices than the encoder was trained on
) {
    /** @throws ManifestException [found] is not the artifact: absent, cut short or altered. */
    fun check(found: File) = checkFile(found, bytes, sha256)
}

/** What the manifest says of the sounds that others are compared with; see [Background]. */
data class BackgroundFile(
    val file: String,
    val sha256: String,
    val bytes: Long,
    val dim: Int,
    val directions: Int,
    val sounds: Int,
    val nearest: Int,
    val scale: Float,
    val mostOfSecond: Float,
)

/** `manifest.json`, which `tiny-audio-ssl export` writes beside its artifacts. */
data class Manifest(
    val sampleRateHz: Int,
    val artifacts: List<Artifact>,
    val background: BackgroundFile? = null,
) {

    /** @throws ManifestException the manifest has no such artifact. */
    fun artifact(file: String): Artifact = artifacts.firstOrNull { it.file == file }
        ?: throw ManifestException(
            "$file: not in the manifest, which has ${artifacts.joinToString { it.file }}",
        )

    /**
     * The artifact to listen with: of [runtime], preferably one that reads sound as the encoder was
     * trained, then a stream, then int8.
     * @throws ManifestException there is none.
     */
    fun forListening(runtime: String): Artifact = artifacts
        .filter { it.runtime == runtime && it.inputKind in LISTENING }
        .minWithOrNull(compareBy({ !it.asTrained }, { LISTENING.indexOf(it.inputKind) }, { it.precision != "int8" }))
        ?: throw ManifestException("the manifest has no stream or waveform artifact for $runtime")

    companion object {
        const val FILE = "manifest.json"
        private val FORMAT_VERSIONS = 2..3 // they differ in the spelling of `license`, not read here
        private val LISTENING = listOf("stream", "waveform")
        private const val MEL_STATISTICS = 4 // for each band: mean, deviation, maximum and change
        private val RUNTIMES = mapOf("onnx" to "onnxruntime", "executorch" to "executorch")

        /** @throws ManifestException [text] is no manifest, or one of another version. */
        fun parse(text: String): Manifest = try {
            val content = JSONObject(text)
            val version = content.getInt("format_version")
            if (version !in FORMAT_VERSIONS) {
                throw ManifestException(
                    "the manifest has format version $version, this app reads " +
                        "${FORMAT_VERSIONS.joinToString(" and ")}; " +
                        "export again with the toolkit that the app came with",
                )
            }
            val window = content.getInt("window_samples")
            val statistics = statistics(content)
            Manifest(
                content.getInt("sample_rate_hz"),
                content.getJSONArray("artifacts").objects().map { artifact(it, window, statistics) },
                content.optJSONObject("background")?.let(::background),
            )
        } catch (error: JSONException) {
            throw ManifestException("not a manifest: ${error.message}", error)
        }

        /** @throws ManifestException none in [folder], or one that can't be read. */
        fun open(folder: File): Manifest {
            val file = File(folder, FILE)
            if (!file.isFile) throw ManifestException("$file: not found; expected an export folder")
            return parse(file.readText())
        }

        /** How many numbers at an embedding's end are statistics of the log-mel. */
        private fun statistics(content: JSONObject): Int {
            val parts = content.optJSONObject("encoder")?.optJSONArray("readout") ?: return 0
            val bands = content.optJSONObject("frontend")?.optInt("bands") ?: 0
            return if ((0 until parts.length()).any { parts.getString(it) == "mel" }) MEL_STATISTICS * bands else 0
        }

        private fun artifact(entry: JSONObject, window: Int, statistics: Int): Artifact {
            val input = entry.getJSONObject("input")
            val outputs = entry.getJSONArray("outputs").objects()
            val stream = entry.optJSONObject("stream")
            val format = entry.getString("format")
            val dim = shape(outputs.first()).last().toInt()
            return Artifact(
                file = entry.getString("file"),
                sha256 = entry.getString("sha256"),
                bytes = entry.getLong("bytes"),
                runtime = RUNTIMES[format] ?: format,
                precision = entry.getString("precision"),
                inputKind = input.getString("kind"),
                inputShape = shape(input),
                outputs = outputs.map { it.getString("name") },
                embeddingDim = dim,
                windowSamples = stream?.getInt("window_samples") ?: window,
                state = stream?.getJSONArray("state")?.objects().orEmpty().map {
                    State(it.getString("input"), it.getString("output"), shape(it))
                },
                learnedDim = (dim - statistics).takeIf { it > 0 } ?: dim,
                fullAfterSamples = stream?.let(::fullAfterSamples) ?: window,
                asTrained = stream?.optBoolean("as_trained", true) ?: true,
            )
        }

        private fun fullAfterSamples(stream: JSONObject): Int {
            val whole = stream.getInt("slice_frames") > stream.getInt("packet_frames")
            return stream.getInt("packet_samples") * if (whole) stream.getInt("packets") else 1
        }

        private fun background(entry: JSONObject) = BackgroundFile(
            file = entry.getString("file"),
            sha256 = entry.getString("sha256"),
            bytes = entry.getLong("bytes"),
            dim = entry.getInt("dim"),
            directions = entry.getInt("directions"),
            sounds = entry.getInt("sounds"),
            nearest = entry.getInt("nearest"),
            scale = entry.getDouble("scale").toFloat(),
            mostOfSecond = entry.getDouble("most_of_second").toFloat(),
        )

        /** The first length is the batch: 1, or "batch" where any will do. */
        private fun shape(of: JSONObject): List<Long> {
            val lengths = of.getJSONArray("shape")
            return listOf(1L) + (1 until lengths.length()).map { lengths.getLong(it) }
        }

        private fun JSONArray.objects(): List<JSONObject> = List(length()) { getJSONObject(it) }
    }
}

/** @throws ManifestException [found] is absent, cut short or altered. */
internal fun checkFile(found: File, bytes: Long, sha256: String) {
    if (!found.isFile) throw ManifestException("${found.name}: not found, but listed in the manifest")
    if (found.length() != bytes || sha256(found) != sha256) {
        throw ManifestException(
            "${found.name}: not the file that the manifest describes (${found.length()} bytes, " +
                "expected $bytes and SHA-256 ${sha256.take(12)}…); export again",
        )
    }
}

internal fun sha256(file: File): String {
    val digest = MessageDigest.getInstance("SHA-256")
    file.inputStream().use { input ->
        val buffer = ByteArray(1 shl 16)
        generateSequence { input.read(buffer).takeIf { it >= 0 } }
            .forEach { digest.update(buffer, 0, it) }
    }
    return digest.digest().joinToString("") { "%02x".format(it) }
}
