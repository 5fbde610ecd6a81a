package org.tinyaudiossl.demo

import android.app.Activity
import android.content.Intent
import android.os.Build
import android.os.Bundle
import android.os.Debug
import android.widget.TextView
import java.io.File
import kotlin.concurrent.thread
import org.json.JSONObject
import org.tinyaudiossl.encoder.BenchmarkJob
import org.tinyaudiossl.encoder.InferenceEngine
import org.tinyaudiossl.encoder.benchmark

/**
 * Times an artifact and writes `benchmark.json` to the app's folder on shared storage, in the keys
 * of the native runner:
 * `adb shell am start -n org.tinyaudiossl.demo/.BenchmarkActivity --es artifact PATH --ei runs 200
 * --ei threads 1 --es engine onnxruntime`. Without an artifact: that of the app.
 */
class BenchmarkActivity : Activity() {

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.report)
        if (savedInstanceState == null) measure(intent)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        measure(intent)
    }

    private fun measure(intent: Intent) {
        show(getString(R.string.measuring, intent.getStringExtra("artifact").orEmpty()))
        thread(name = "benchmark") {
            val result = try {
                benchmark(job(intent)).also(::addDevice)
            } catch (error: Exception) { // the host waits for what is written
                JSONObject().put("error", error.message ?: error.toString())
            }
            write(result)
            runOnUiThread { show(result.toString(2)) }
        }
    }

    private fun job(intent: Intent): BenchmarkJob {
        val path = intent.getStringExtra("artifact")
        val artifact = if (path == null) Artifacts(this).file() else own(File(path))
        return BenchmarkJob(
            artifact,
            intent.getStringExtra("engine") ?: InferenceEngine.ONNX_RUNTIME,
            intent.getIntExtra("runs", 200),
            threads = intent.getIntExtra("threads", 1),
        )
    }

    /** Any app may start this activity; only what lies in this app's folders is opened. */
    private fun own(file: File): File {
        val folders = listOfNotNull(getExternalFilesDir(null), filesDir).map { it.canonicalPath + File.separator }
        require(folders.any { file.canonicalPath.startsWith(it) }) { "$file: expected a file in ${folders.first()}" }
        return file
    }

    private fun addDevice(result: JSONObject) {
        result.put("abi", Build.SUPPORTED_ABIS.first())
            .put("pss_kb", Debug.getPss())
            .put("device", "${Build.MANUFACTURER} ${Build.MODEL}")
            .put("android", Build.VERSION.RELEASE)
    }

    /** Whole, or not at all: the host reads it as soon as it is there. */
    private fun write(result: JSONObject) {
        val target = File(getExternalFilesDir(null), RESULT)
        val part = File(target.path + ".part")
        part.writeText(result.toString() + "\n")
        part.renameTo(target)
    }

    private fun show(text: String) {
        findViewById<TextView>(R.id.report).text = text
    }

    private companion object {
        const val RESULT = "benchmark.json"
    }
}
