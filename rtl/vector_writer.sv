// vector_writer: the end of the vector engine's pipeline: values into the scratchpad, pixel by pixel.
//   value n goes to output_address + group*Columns + y*row_stride + x*pixel_stride, the first min(Columns, rest) bytes
//   wide: of three values the first two are masters of 16 bits, to master + 2*group*Columns + y*master_stride
//   placed: a byte, to the place above it in the value; listed: a pixel is behind the one before where that was chosen
// Golden: accel_models.golden.vector (its output window), training.update, patches. A value is offered in the cycle after it
// came, one per cycle. Where the result is a scalar, values end here unwritten, and so do second halves of no bytes.
// written_o: the command's last value, in the cycle of its grant.
// Combinational path: write_ready_i -> written_o. ready_o is a register.
`default_nettype none
module vector_writer #(
  parameter  int unsigned Columns  = 4,
  localparam int unsigned ColumnsW = $clog2(Columns + 1)
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,
  input  wire logic                    start_i,          // a command starts; its fields hold still from here on
  input  wire logic                    unwritten_i,      // its result is a scalar
  input  wire logic                    wide_i,
  input  wire logic                    placed_i,
  input  wire logic                    listed_i,         // row_end_i: the pixel was chosen; group_end_i: it is a scalar
  input  wire logic             [15:0] columns_i,
  input  wire logic             [19:0] master_i,
  input  wire logic             [19:0] master_stride_i,
  input  wire logic             [19:0] address_i,
  input  wire logic             [19:0] row_stride_i,
  input  wire logic             [15:0] pixel_stride_i,
  input  wire logic                    valid_i,
  input  wire logic                    row_end_i,        // the value is the last of a row, of a group, of the command
  input  wire logic                    group_end_i,
  input  wire logic                    last_i,
  output      logic                    ready_o,
  input  wire logic [Columns-1:0][7:0] data_i,
  output      logic                    write_valid_o,
  input  wire logic                    write_ready_i,
  output      logic             [20:0] write_address_o,
  output      logic     [ColumnsW-1:0] write_count_o,
  output      logic [Columns-1:0][7:0] write_data_o,
  output      logic                    written_o
);
  logic                  valid, leaves, silent, row_end, group_end, last;
  logic            [1:0] part_q;  // of wide values: low bytes, high bytes, view
  logic           [15:0] columns_left_q;
  logic   [ColumnsW-1:0] lanes;
  logic     [ColumnsW:0] bytes;   // of the masters of a value
  logic           [19:0] master, output_address;

  skid #(
    .Width(8 * Columns + 3)
  ) u_skid (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .valid_i(valid_i),
    .ready_o(ready_o),
    .data_i ({row_end_i, group_end_i, last_i, data_i}),
    .valid_o(valid),
    .ready_i(write_ready_i || silent),
    .data_o ({row_end, group_end, last, write_data_o})
  );

  assign silent        = unwritten_i || (listed_i && group_end) ||
                         (wide_i && part_q == 2'd1 && bytes <= (ColumnsW+1)'(Columns));
  assign write_valid_o = valid && !silent;
  assign leaves        = valid && (write_ready_i || silent);
  assign written_o     = leaves && last;
  assign lanes         = (columns_left_q > 16'(Columns)) ? ColumnsW'(Columns) : columns_left_q[ColumnsW-1:0];
  assign bytes         = {lanes, 1'b0};

  always_comb begin
    write_address_o = placed_i ? 21'(32'(write_data_o) >> 8) : {1'b0, output_address};
    write_count_o   = lanes;
    if (wide_i && part_q == 2'd0) begin
      write_address_o = {1'b0, master};
      write_count_o   = (bytes > (ColumnsW+1)'(Columns)) ? ColumnsW'(Columns) : bytes[ColumnsW-1:0];
    end else if (wide_i && part_q == 2'd1) begin
      write_address_o = {1'b0, master + 20'(Columns)};
      write_count_o   = ColumnsW'(bytes - (ColumnsW+1)'(Columns));
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) part_q <= 2'd0;
    else if (leaves && wide_i) part_q <= (part_q == 2'd2) ? 2'd0 : part_q + 2'd1;
  end

  always_ff @(posedge clk_i) begin
    if (start_i) columns_left_q <= columns_i;
    else if (leaves && group_end) columns_left_q <= columns_left_q - 16'(Columns);
  end

  image_walk #(
    .Columns(Columns)
  ) u_output (
    .clk_i         (clk_i),
    .start_i       (start_i),
    .wide_i        (1'b0),
    .base_i        (address_i),
    .row_stride_i  (row_stride_i),
    .pixel_stride_i(pixel_stride_i),
    .step_i        (leaves && (listed_i ? row_end : !wide_i || part_q == 2'd2)),
    .row_end_i     (row_end && !listed_i),
    .group_end_i   (group_end),
    .address_o     (output_address)
  );

  image_walk #(
    .Columns(Columns)
  ) u_master (
    .clk_i         (clk_i),
    .start_i       (start_i),
    .wide_i        (1'b1),
    .base_i        (master_i),
    .row_stride_i  (master_stride_i),
    .pixel_stride_i(16'd0),
    .step_i        (leaves && part_q == 2'd2),
    .row_end_i     (row_end),
    .group_end_i   (group_end),
    .address_o     (master)
  );
endmodule
`default_nettype wire
