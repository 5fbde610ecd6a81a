package org.tinyaudiossl.federated.training

import java.io.File
import java.io.IOException
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject
import org.tinyaudiossl.federated.device.KnownRun
import org.tinyaudiossl.federated.records.sha256Hex

/** A folder that is not what `tiny-audio-ssl federate device-folder` writes. */
class DeviceFolderException(message: String, cause: Throwable? = null) : IOException(message, cause)

/** A tensor's name and shape. */
data class Shape(val name: String, val lengths: List<Long>) {
    val size: Int get() = lengths.fold(1L, Long::times).toInt()
}

/** How a task cuts slices from a log-mel of [clipFrames]. */
data class SliceLayout(
    val task: String,
    val batchSize: Int,
    val bands: Int,
    val clipFrames: Int,
    val sliceFrames: Int,
    val strideFrames: Int, // audio2vec: from a slice to the next
    val context: Int, // audio2vec: slices on either side of the middle one
)

/**
 * All that a device has to know, made by `tiny-audio-ssl federate device-folder`: the artifacts of
 * training and front-end, the app that it takes part in, and what they were made from.
 */
class DeviceFolder private constructor(
    val known: KnownRun,
    val layout: SliceLayout,
    val cropSamples: Int,
    val inputs: List<Shape>,
    val parameters: List<Shape>,
    val fixedCount: Int,
    val fixedSha256: String,
    val training: File,
    val frontend: File,
) {
    val weightCount: Int get() = parameters.sumOf { it.size }

    companion object {
        private const val FILE = "device.json"
        private const val FORMAT_VERSION = 1

        /**
         * Read a device's folder.
         * @throws DeviceFolderException it is missing, of another version, cut short or altered.
         */
        fun open(folder: File): DeviceFolder {
            val file = File(folder, FILE)
            if (!file.isFile) {
                throw DeviceFolderException("$file: not found; make it with tiny-audio-ssl federate device-folder")
            }
            return try {
                read(folder, JSONObject(file.readText()))
            } catch (error: JSONException) {
                throw DeviceFolderException("$file: ${error.message}", error)
            }
        }

        private fun read(folder: File, content: JSONObject): DeviceFolder {
            val version = content.getInt("format_version")
            if (version != FORMAT_VERSION) {
                throw DeviceFolderException("$folder: format version $version; this program reads $FORMAT_VERSION")
            }
            val app = content.getJSONObject("app")
            val slices = content.getJSONObject("slices")
            val training = content.getJSONObject("training")
            val task = content.getString("task")
            return DeviceFolder(
                KnownRun(
                    app.getString("id"),
                    app.getString("version"),
                    task,
                    training.getString("sha256"),
                    settings(app.getJSONObject("defaults")),
                ),
                SliceLayout(
                    task,
                    content.getInt("batch_size"),
                    slices.getInt("bands"),
                    slices.getInt("clip_frames"),
                    slices.getInt("slice_frames"),
                    slices.getInt("stride_frames"),
                    slices.getInt("context"),
                ),
                content.getInt("crop_samples"),
                shapes(content.getJSONArray("inputs")),
                shapes(content.getJSONArray("parameters")),
                content.getJSONObject("fixed").getInt("count"),
                content.getJSONObject("fixed").getString("sha256"),
                artifact(folder, training),
                artifact(folder, content.getJSONObject("frontend")),
            )
        }

        /** Return the app's own settings; a JSON number is whole or not as Python wrote it. */
        internal fun settings(json: JSONObject): Map<String, Any> = json.keys().asSequence().associateWith { key ->
            json.get(key).let { if (it is Int) it.toLong() else it }
        }

        private fun shapes(entries: JSONArray): List<Shape> = List(entries.length()) { i ->
            val lengths = entries.getJSONObject(i).getJSONArray("shape")
            Shape(entries.getJSONObject(i).getString("name"), List(lengths.length()) { lengths.getLong(it) })
        }

        private fun artifact(folder: File, entry: JSONObject): File {
            val file = File(folder, entry.getString("file"))
            if (!file.isFile || sha256Hex(file.readBytes()) != entry.getString("sha256")) {
                throw DeviceFolderException("$file: not the file that $FILE describes; make the folder again")
            }
            return file
        }
    }
}
