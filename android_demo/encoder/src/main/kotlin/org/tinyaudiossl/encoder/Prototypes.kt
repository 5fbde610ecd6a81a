package org.tinyaudiossl.encoder

import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/** A file of taught sounds that can't be used, and why. */
class SoundsException(val reason: Reason) : Exception(reason.words) {
    enum class Reason(val words: String) {
        DAMAGED("not a file of taught sounds, or one of another format"),
        OTHER_ENCODER("taught to another encoder, whose embeddings can't be compared with these"),
    }
}

/** The nearest taught sound; [known]: near enough, and not nearly as near to another one. */
data class Match(val name: String, val distance: Float, val known: Boolean)

/**
 * Sounds taught by a few examples each: the nearest mean wins (Snell et al. 2017, arXiv 1703.05175,
 * equation 1), by the distance of [comparison]. Embeddings are the learned parts of what one artifact
 * gives ([Embedding.learned]); the artifact is named by its SHA-256.
 *
 * A sound is known if its distance is at most [threshold], and at most a share of the
 * distance to the second nearest. tiny_audio_ssl/embedding/taught_sounds.py does the same, and so does
 * the page for browsers (export/web/encoder/src/prototypes.ts), which reads and writes the same JSON.
 *
 * Immutable: another thread may look for the nearest sound while one is taught.
 */
class Prototypes(
    val artifactSha256: String,
    val threshold: Float = Comparison.LIMIT,
    private val examples: Map<String, List<FloatArray>> = emptyMap(), // unit length
    private val comparison: Comparison = Comparison(),
) {
    private val means = examples.mapValues { (_, vectors) -> unit(sum(vectors.map(comparison::cleaned))) }

    /** Names in the order in which they were taught, with the number of their examples. */
    val counts: Map<String, Int> get() = examples.mapValues { it.value.size }

    /** With one more example of [name]; longer names are cut to [MAX_NAME] characters. */
    fun taught(name: String, embedding: FloatArray): Prototypes {
        require(embedding.all(Float::isFinite)) { "an embedding with NaN or infinity" }
        val key = clean(name)
        return with(examples + (key to examples[key].orEmpty() + unit(embedding)))
    }

    /** Under another name; where that is taken, the examples of both go together. */
    fun renamed(old: String, new: String): Prototypes {
        val moved = examples[old] ?: return this
        val rest = examples - old
        val key = clean(new)
        return with(rest + (key to rest[key].orEmpty() + moved))
    }

    fun without(name: String): Prototypes = with(examples - name)

    fun withThreshold(threshold: Float): Prototypes =
        Prototypes(artifactSha256, threshold.coerceIn(0f, 2f), examples, comparison)

    /** With the sounds of another list too; examples under the same name go together. */
    fun joined(other: Prototypes): Prototypes =
        with(other.examples.entries.fold(examples) { all, (name, more) -> all + (name to all[name].orEmpty() + more) })

    /** Null as long as nothing was taught. */
    fun nearest(embedding: FloatArray): Match? {
        val there = comparison.cleaned(embedding)
        val crowding = comparison.crowding(there)
        val found = means.mapValues { (1 - dot(there, it.value)) / crowding }.entries.sortedBy { it.value }
        val (name, distance) = found.firstOrNull() ?: return null
        val second = found.getOrNull(1)?.value ?: Float.POSITIVE_INFINITY
        return Match(name, distance, distance <= threshold && distance <= comparison.mostOfSecond * second)
    }

    fun toJson(): String {
        val sounds = JSONObject()
        for ((name, vectors) in examples) {
            sounds.put(name, JSONArray(vectors.map { JSONArray(it.map(Float::toDouble)) }))
        }
        return JSONObject()
            .put("format", FORMAT)
            .put("artifact_sha256", artifactSha256)
            .put("threshold", threshold.toDouble())
            .put("sounds", sounds)
            .toString()
    }

    private fun with(examples: Map<String, List<FloatArray>>) =
        Prototypes(artifactSha256, threshold, examples, comparison)

    companion object {
        const val MAX_NAME = 40
        private const val FORMAT = 2 // 1 held whole embeddings

        private val SPACE = Regex("[\\s\\p{Z}\\uFEFF]+") // \s of JavaScript

        /**
         * What [toJson] or the page for browsers wrote, for an artifact whose embeddings have
         * [learnedDim] learned numbers. Throws [SoundsException] where it is damaged, of another
         * format, or of another artifact: vectors of two encoders can't be compared.
         */
        fun fromJson(
            text: String,
            artifactSha256: String,
            learnedDim: Int,
            comparison: Comparison = Comparison(),
        ): Prototypes {
            try {
                return parsed(JSONObject(text), artifactSha256, learnedDim, comparison)
            } catch (_: JSONException) {
                throw SoundsException(SoundsException.Reason.DAMAGED)
            } catch (_: IllegalArgumentException) {
                throw SoundsException(SoundsException.Reason.DAMAGED)
            }
        }

        private fun parsed(
            content: JSONObject,
            artifactSha256: String,
            learnedDim: Int,
            comparison: Comparison,
        ): Prototypes {
            require(content.getInt("format") == FORMAT)
            if (content.getString("artifact_sha256") != artifactSha256) {
                throw SoundsException(SoundsException.Reason.OTHER_ENCODER)
            }
            val sounds = content.getJSONObject("sounds")
            val examples = LinkedHashMap<String, List<FloatArray>>()
            for (name in sounds.keys()) {
                val vectors = vectors(sounds.getJSONArray(name))
                if (vectors.isNotEmpty()) examples[clean(name)] = vectors.map(::unit)
            }
            require(examples.values.flatten().all { it.size == learnedDim }) { "vectors of other sizes" }
            val threshold = content.getDouble("threshold").toFloat().coerceIn(0f, 2f)
            return Prototypes(artifactSha256, threshold, examples, comparison)
        }

        private fun vectors(rows: JSONArray) = List(rows.length()) { row ->
            val numbers = rows.getJSONArray(row)
            FloatArray(numbers.length()) { i -> numbers.getDouble(i).toFloat().also { require(it.isFinite()) } }
        }

        private fun clean(name: String): String {
            val words = name.replace(SPACE, " ").trim()
            val end = words.offsetByCodePoints(0, minOf(MAX_NAME, words.codePointCount(0, words.length)))
            return words.substring(0, end).trim().also { require(it.isNotEmpty()) { "a sound needs a name" } }
        }

        private fun sum(vectors: List<FloatArray>): FloatArray =
            FloatArray(vectors.first().size) { i -> vectors.sumOf { it[i].toDouble() }.toFloat() }
    }
}
