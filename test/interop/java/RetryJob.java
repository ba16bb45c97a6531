import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.LongWritable;
import org.apache.hadoop.io.NullWritable;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.mapreduce.Job;
import org.apache.hadoop.mapreduce.Mapper;
import org.apache.hadoop.mapreduce.lib.input.FileInputFormat;
import org.apache.hadoop.mapreduce.lib.output.FileOutputFormat;

/** A MapReduce job whose only map task fails in its first attempt and succeeds in its second. Argument: a work directory. */
public class RetryJob {
  public static class FirstAttemptFails extends Mapper<LongWritable, Text, Text, NullWritable> {
    @Override protected void setup(Context context) throws IOException {
      if (context.getTaskAttemptID().getId() == 0) {
        throw new IOException("first attempts fail in this job");
      }
    }

    @Override protected void map(LongWritable offset, Text line, Context context) throws IOException, InterruptedException {
      context.write(line, NullWritable.get());
    }
  }

  public static void main(String[] args) throws Exception {
    Configuration conf = new Configuration();
    Path work = new Path(args[0]);
    work.getFileSystem(conf).delete(work, true);
    try (FSDataOutputStream out = work.getFileSystem(conf).create(new Path(work, "in/lines"))) {
      out.writeBytes("one\ntwo\n");
    }
    Job job = Job.getInstance(conf, "retry");
    job.setJarByClass(RetryJob.class);
    job.setMapperClass(FirstAttemptFails.class);
    job.setNumReduceTasks(0);
    job.setOutputKeyClass(Text.class);
    job.setOutputValueClass(NullWritable.class);
    FileInputFormat.addInputPath(job, new Path(work, "in"));
    FileOutputFormat.setOutputPath(job, new Path(work, "out"));
    System.exit(job.waitForCompletion(true) ? 0 : 1);
  }
}
